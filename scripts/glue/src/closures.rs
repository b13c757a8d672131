//! Takes the entries of closures that nobody makes out of the table of functions.

use walrus::{ElementItems, FunctionBuilder, FunctionId, Module};

use crate::functions_named;

/// Takes the entries of closures out of the table. JavaScript calls a closure through an export. wasm-bindgen also leaves those of
/// closures that nobody makes, and wasm-opt keeps them wherever some call through the table has their type. The other places of the
/// table have to stay the same, so a function that traps stands where an entry was.
pub fn drop_unused(module: &mut Module) {
    let entries = functions_named(module, |name| name.contains("::closures::_::invoke::<"));
    let trap = trap(module);
    for element in module.elements.iter_mut() {
        let ElementItems::Functions(functions) = &mut element.items else { continue };
        functions.iter_mut().filter(|function| entries.contains(function)).for_each(|function| *function = trap);
    }
}

/// Adds a function that does nothing but trap.
fn trap(module: &mut Module) -> FunctionId {
    let mut body = FunctionBuilder::new(&mut module.types, &[], &[]);
    body.func_body().unreachable();
    body.finish(Vec::new(), &mut module.funcs)
}
