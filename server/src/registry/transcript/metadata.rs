//! The metadata of a message, which several chunks may give: the AI SDK merges them.

use serde_json::{Map, Value};

/// Adds what a chunk gives.
pub fn merge(metadata: &mut Option<Value>, given: Option<Value>) {
    let Some(given) = given.filter(|given| !given.is_null()) else { return };
    match (metadata.as_mut(), given) {
        (Some(Value::Object(known)), Value::Object(given)) => merge_objects(known, given),
        (_, given) => *metadata = Some(given),
    }
}

/// Objects in both are merged at every depth; any other value takes the place of the one before.
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
