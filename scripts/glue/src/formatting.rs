//! Removes the code that formats text, and its tables.

use std::error::Error;

use walrus::ir::{Const, Load, Value, Visitor, dfs_in_order};
use walrus::{ConstExpr, Data, DataKind, FunctionBuilder, FunctionId, FunctionKind, Module};

use crate::functions_named;

/// A part of the names of the functions and tables that format floating-point numbers.
const FLOATS: &str = "flt2dec";

/// Makes formatting write nothing: `core::fmt::write` and every `Display` return `Ok` at once. The package formats no text of its
/// own. serde-wasm-bindgen formats the messages of its errors, which nobody reads, because src/browser/codec.rs turns each such error
/// into nothing. Most of the code that becomes unreachable formats floating-point numbers. This saves 5 kB of the download. Fails if
/// the module has no such functions, or if other code calls one.
pub fn silence(module: &mut Module) -> Result<(), Box<dyn Error>> {
    let silent =
        functions_named(module, |name| name.ends_with("]::fmt::write") || name.contains("::fmt::Display>::fmt"));
    let formatting =
        functions_named(module, |name| name.contains("]::fmt::format") || name.ends_with("::fmt::Write>::write_fmt"));
    if silent.is_empty() {
        return Err("no function formats text, or the module has no names of functions".into());
    }
    let others = functions_named(module, |name| !may_format(name));
    for id in others.into_iter().filter(|id| !silent.contains(id)) {
        if Uses::of(module, id).functions.iter().any(|called| silent.contains(called) || formatting.contains(called)) {
            let name = &module.funcs.get(id).name;
            return Err(format!("{name:?} formats text, and scripts/glue makes all formatting write nothing").into());
        }
    }
    for id in silent {
        return_zero(module, id);
    }
    Ok(())
}

/// Clears the tables of the code that formats floating-point numbers, which `silence` has made unreachable, and joins all segments of
/// data to one. wasm-opt omits what is zero. This saves 1.2 kB of the download. The linker names each segment after the constant in
/// it. Fails if no segment has the name of such a table, if other code uses one, or if the segments are out of order.
pub fn clear_tables(module: &mut Module) -> Result<(), Box<dyn Error>> {
    let (mut start, mut bytes, mut cleared) = (None, Vec::new(), Vec::new());
    for id in module.data.iter().map(Data::id).collect::<Vec<_>>() {
        let data = module.data.get_mut(id);
        let DataKind::Active { offset: ConstExpr::Value(Value::I32(address)), .. } = data.kind else {
            return Err("a segment of data has no fixed address".into());
        };
        if data.name.as_deref().is_some_and(|name| name.contains(FLOATS)) {
            data.value.fill(0);
            cleared.push(address..address + i32::try_from(data.value.len())?);
        }
        let (first, begin) = *start.get_or_insert((id, address));
        let place = usize::try_from(address - begin)?;
        if place < bytes.len() {
            return Err("the segments of data are not in the order of their addresses".into());
        }
        bytes.resize(place, 0);
        bytes.append(&mut data.value);
        if id != first {
            module.data.delete(id);
        }
    }
    let (Some((first, _)), false) = (start, cleared.is_empty()) else {
        return Err("no data is a table for the formatting of numbers, or the segments of data have no names".into());
    };
    for id in functions_named(module, |name| !name.contains(FLOATS)) {
        if Uses::of(module, id).addresses.iter().any(|used| cleared.iter().any(|table| table.contains(used))) {
            return Err(format!("{:?} uses a table that scripts/glue clears", module.funcs.get(id).name).into());
        }
    }
    module.data.get_mut(first).value = bytes;
    Ok(())
}

/// Replaces a function by one that returns 0, which is `Ok(())`.
fn return_zero(module: &mut Module, id: FunctionId) {
    let (arguments, results) = module.types.params_results(module.funcs.get(id).ty());
    let (arguments, results) = (arguments.to_vec(), results.to_vec());
    let mut body = FunctionBuilder::new(&mut module.types, &arguments, &results);
    body.func_body().i32_const(0);
    let arguments = arguments.into_iter().map(|kind| module.locals.add(kind)).collect();
    module.funcs.get_mut(id).kind = FunctionKind::Local(body.local_func(arguments));
}

/// Returns whether a function may format text: one of the standard library or of serde, or one that is generic over
/// serde-wasm-bindgen's types, because it may contain the creation of its errors.
fn may_format(name: &str) -> bool {
    let begins =
        ["core[", "alloc[", "serde_core["].iter().any(|krate| name.trim_start_matches(['<', '&']).starts_with(krate));
    begins || name.contains("serde_wasm_bindgen[")
}

/// What the code of a function refers to.
#[derive(Default)]
struct Uses {
    /// The functions that it calls by name.
    functions: Vec<FunctionId>,
    /// Its constants, and the offsets of what it loads. Some of them are addresses of data.
    addresses: Vec<i32>,
}

impl Uses {
    fn of(module: &Module, id: FunctionId) -> Self {
        let mut uses = Self::default();
        if let FunctionKind::Local(function) = &module.funcs.get(id).kind {
            dfs_in_order(&mut uses, function, function.entry_block());
        }
        uses
    }
}

impl Visitor<'_> for Uses {
    fn visit_function_id(&mut self, id: &FunctionId) {
        self.functions.push(*id);
    }

    fn visit_const(&mut self, constant: &Const) {
        if let Value::I32(value) = constant.value {
            self.addresses.push(value);
        }
    }

    fn visit_load(&mut self, load: &Load) {
        self.addresses.extend(i32::try_from(load.arg.offset));
    }
}
