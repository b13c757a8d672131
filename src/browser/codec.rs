//! Converts records, tab messages and bodies between JavaScript values and the structs of the core. The browser parses and writes
//! the JSON. What it parses may have any shape.

use js_sys::{Array, Date, JSON, Object};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

use super::reflect::property;
use crate::client::io::Millis;
use crate::client::{LegacyEntry, Message, SavedTask, Stored};
use crate::protocol::body::Body;
use crate::value::Value;

/// Returns a saved record as the text to store, or `None` if one of its numbers is too large for JavaScript.
pub fn record_text(record: SavedTask) -> Option<String> {
    JSON::stringify(&write(&record.into())?).ok()?.as_string()
}

/// Reads what the storage holds under the key of a record.
pub fn stored(text: Option<&str>) -> Stored {
    let Some(text) = text else { return Stored::Nothing };
    let record = JSON::parse(text).ok().and_then(|record| read(record)?.try_into().ok());
    record.map_or(Stored::Unreadable, Stored::Record)
}

/// Reads what the storage holds under the key of the TypeScript layer: a map from session to task. It leaves out values that are
/// no tasks.
pub fn stored_legacy(text: Option<&str>) -> Stored {
    let Some(text) = text else { return Stored::Nothing };
    let map = JSON::parse(text).ok().and_then(|map| map.dyn_into::<Object>().ok());
    let Some(map) = map else { return Stored::Unreadable };
    let mut entries = Vec::new();
    for member in Object::entries(&map) {
        entries.extend(legacy_entry(member));
    }
    Stored::Legacy(entries)
}

fn legacy_entry(member: JsValue) -> Option<LegacyEntry> {
    let member: Array = member.unchecked_into();
    let task = member.get(1);
    let started = time(&property(&task, "startedAt")?);
    let mut entry = LegacyEntry::from(read(task)?);
    (entry.session, entry.started) = (member.get(0).as_string()?, started);
    Some(entry)
}

/// Reads a time that is stored as milliseconds or as a date.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is the clamp")]
fn time(value: &JsValue) -> Option<Millis> {
    let ms = value.as_f64().or_else(|| value.as_string().map(|date| Date::parse(&date)))?;
    (!ms.is_nan()).then_some(ms as Millis)
}

/// Returns a message to other tabs as an object that the channel can clone, or `undefined` if one of its numbers is too large for
/// JavaScript.
pub fn message(message: &Message) -> JsValue {
    write(&message.into()).unwrap_or_default()
}

/// Reads a message of another tab, which may be any value. Returns `None` if it is not a message of this version.
pub fn read_message(message: JsValue) -> Option<Message> {
    read(message)?.try_into().ok()
}

/// Parses the body of a response. Returns `None` if it is no JSON object.
pub fn body(text: &str) -> Option<Body> {
    let value = JSON::parse(text).ok().filter(|value| value.is_object() && !Array::is_array(value))?;
    let details = property(&value, "detail").and_then(|detail| JSON::stringify(&detail).ok()?.as_string());
    Some(Body { details, ..read(value)?.into() })
}

const WRITER: Serializer = Serializer::new().serialize_maps_as_objects(true);

/// Converts a value of the core to a JavaScript value. Records become objects. Returns `None` if a number is too large for
/// JavaScript.
pub fn write(value: &Value) -> Option<JsValue> {
    value.serialize(&WRITER).ok()
}

/// Converts a JavaScript value to a value of the core.
pub fn read(value: JsValue) -> Option<Value> {
    serde_wasm_bindgen::from_value(value).ok()
}
