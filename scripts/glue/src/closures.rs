//! Takes the entries of closures that nobody makes out of the table of functions.

use walrus::{ElementItems, FunctionId, Module};

use crate::functions_named;

/// Takes the entries of closures out of the table. JavaScript calls a closure through an export. wasm-bindgen also leaves those of
/// closures that nobody makes, and wasm-opt keeps them wherever some call through the table has their type.
pub fn drop_unused(module: &mut Module) {
    let entries = functions_named(module, |name| name.contains("::closures::_::invoke::<"));
    let is_entry = |function: &FunctionId| entries.contains(function);
    for element in module.elements.iter_mut() {
        let ElementItems::Functions(functions) = &mut element.items else { continue };
        // The other places of the table have to stay the same, so one of its functions stands where an entry was.
        let Some(other) = functions.iter().copied().find(|function| !is_entry(function)) else { continue };
        functions.iter_mut().filter(|function| is_entry(function)).for_each(|function| *function = other);
    }
}
