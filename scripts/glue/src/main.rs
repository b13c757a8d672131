//! `rejoin-glue INPUT.wasm OUT_DIR`: writes the glue for a module that was compiled against `wasm-bindgen`.

use std::error::Error;
use std::fs;
use std::path::Path;

use walrus::ir::{Value, Visitor, dfs_in_order};
use walrus::{ConstExpr, Data, DataKind, ElementItems, Function, FunctionBuilder, FunctionId, FunctionKind, Module};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rejoin-glue INPUT.wasm OUT_DIR".into());
    };
    let mut bindgen = Bindgen::new();
    // The output for bundlers takes an instance from outside (`__wbg_set_wasm`), and contains no code that loads one.
    bindgen.input_path(input).bundler(true)?.typescript(true).encode_into(EncodeInto::Always).out_name("rejoin");
    bindgen.generate(&folder)?;
    shorten(Path::new(&folder))
}

/// Shortens the names that the module and the glue have for each other's functions, in both files. wasm-bindgen makes them unique
/// with hashes and types, which do not compress: they take 3 kB of the download. Fails if a file cannot be read or written.
fn shorten(folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = folder.join("rejoin_bg.wasm");
    let mut module = Module::from_file(&path)?;
    silence(&mut module)?;
    drop_unused_closures(&mut module);
    join_data(&mut module)?;
    let imports = module.imports.iter_mut().map(|import| &mut import.name).filter(|name| has_hash(name));
    let mut names = renamed(imports, "i");
    let exports = module.exports.iter_mut().map(|export| &mut export.name);
    names.extend(renamed(exports.filter(|name| name.starts_with("wasm_bindgen_")), "__invoke_"));
    module.emit_wasm_file(&path)?;
    // The longest names come first, because a name may begin with another one.
    names.sort_by_key(|(long, _)| std::cmp::Reverse(long.len()));
    let glue = folder.join("rejoin_bg.js");
    let text = fs::read_to_string(&glue)?;
    Ok(fs::write(glue, names.iter().fold(text, |text, (long, short)| text.replace(long, short)))?)
}

/// Makes formatting write nothing: `core::fmt::write` and every `Display` return `Ok` at once. The package formats no text of its
/// own. serde-wasm-bindgen formats the messages of its errors, which nobody reads, because src/browser/codec.rs and src/bindings turn
/// each such error into nothing. Most of the code that becomes unreachable formats floating-point numbers. This saves 5 kB of the
/// download. Fails if the module has no such functions, or if the package calls one.
fn silence(module: &mut Module) -> Result<(), Box<dyn Error>> {
    let silent =
        functions_named(module, |name| name.ends_with("]::fmt::write") || name.contains("::fmt::Display>::fmt"));
    let formatting =
        functions_named(module, |name| name.contains("]::fmt::format") || name.ends_with("::fmt::Write>::write_fmt"));
    if silent.is_empty() {
        return Err("no function formats text, or the module has no names of functions".into());
    }
    // A function of the package that is generic over serde-wasm-bindgen's types may contain the creation of its errors.
    for id in functions_named(module, |name| name.contains("rejoin[") && !name.contains("serde_wasm_bindgen[")) {
        if calls(module, id).iter().any(|called| silent.contains(called) || formatting.contains(called)) {
            return Err(format!(
                "{:?} formats text, and scripts/glue makes all formatting write nothing",
                module.funcs.get(id).name
            )
            .into());
        }
    }
    for id in silent {
        return_zero(module, id);
    }
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

/// Joins the segments of data, after it has cleared the tables of the code that formats floating-point numbers, which `silence` has
/// made unreachable. wasm-opt omits what is zero. This saves 1 kB of the download. The linker names each segment after the constant
/// in it. Fails if no segment has the name of such a table, or if they are out of order.
fn join_data(module: &mut Module) -> Result<(), Box<dyn Error>> {
    let (mut start, mut bytes, mut cleared) = (None, Vec::new(), false);
    for id in module.data.iter().map(Data::id).collect::<Vec<_>>() {
        let data = module.data.get_mut(id);
        let DataKind::Active { offset: ConstExpr::Value(Value::I32(address)), .. } = data.kind else {
            return Err("a segment of data has no fixed address".into());
        };
        if data.name.as_deref().is_some_and(|name| name.contains("flt2dec")) {
            data.value.fill(0);
            cleared = true;
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
    let (Some((first, _)), true) = (start, cleared) else {
        return Err("no data is a table for the formatting of numbers, or the segments of data have no names".into());
    };
    module.data.get_mut(first).value = bytes;
    Ok(())
}

/// Returns the functions whose names a condition accepts. Names contain the hash of each crate in brackets.
fn functions_named(module: &Module, accepted: impl Fn(&str) -> bool) -> Vec<FunctionId> {
    module.funcs.iter().filter(|function| function.name.as_deref().is_some_and(&accepted)).map(Function::id).collect()
}

/// Returns the functions that a function calls by name.
fn calls(module: &Module, id: FunctionId) -> Vec<FunctionId> {
    struct Calls(Vec<FunctionId>);
    impl Visitor<'_> for Calls {
        fn visit_function_id(&mut self, id: &FunctionId) {
            self.0.push(*id);
        }
    }
    let mut calls = Calls(Vec::new());
    if let FunctionKind::Local(function) = &module.funcs.get(id).kind {
        dfs_in_order(&mut calls, function, function.entry_block());
    }
    calls.0
}

/// Takes the entries of closures out of the table. JavaScript calls a closure through an export. wasm-bindgen also leaves those of
/// closures that nobody makes, and wasm-opt keeps them wherever some call through the table has their type.
fn drop_unused_closures(module: &mut Module) {
    let entries = functions_named(module, |name| name.contains("::closures::_::invoke::<"));
    let is_entry = |function: &FunctionId| entries.contains(function);
    for element in module.elements.iter_mut() {
        let ElementItems::Functions(functions) = &mut element.items else { continue };
        // The other places of the table have to stay the same, so one of its functions stands where an entry was.
        let Some(other) = functions.iter().copied().find(|function| !is_entry(function)) else { continue };
        functions.iter_mut().filter(|function| is_entry(function)).for_each(|function| *function = other);
    }
}

/// Replaces each name with a prefix and a number. Returns pairs of an old name and its new one.
fn renamed<'a>(names: impl Iterator<Item = &'a mut String>, prefix: &str) -> Vec<(String, String)> {
    let renamed = names.enumerate().map(|(number, name)| {
        let short = format!("{prefix}{number}");
        (std::mem::replace(name, short.clone()), short)
    });
    renamed.collect()
}

/// Returns whether a name ends with an underscore and a hash of 16 hexadecimal digits.
fn has_hash(name: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(_, hash)| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
