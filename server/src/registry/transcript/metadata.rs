//! The metadata of a message, which several chunks may give: the AI SDK merges them.

use serde_json::{Map, Value};

/// Adds the metadata of a chunk.
pub fn merge(metadata: &mut Option<Value>, given: Option<Value>) {
    let Some(given) = given.filter(|given| !given.is_null()) else { return };
    match (metadata.as_mut(), given) {
        (Some(Value::Object(known)), Value::Object(given)) => merge_objects(known, given),
        (_, given) => *metadata = Some(given),
    }
}

/// Merges objects at every depth. Any other value replaces the one before.
fn merge_objects(known: &mut Map<String, Value>, given: Map<String, Value>) {
    for (name, value) in given {
        if matches!(name.as_str(), "__proto__" | "constructor" | "prototype") {
            continue;
        }
        match (known.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(value)) => merge_objects(known, value),
            (_, value) => drop(known.insert(name, value)),
        }
    }
}
