//! `rejoin-glue INPUT.wasm OUT_DIR`: writes the glue for a module that was compiled against `wasm-bindgen`, and removes from the
//! module what the package does not use.

mod closures;
mod formatting;
mod names;

use std::error::Error;
use std::fs;
use std::path::Path;

use walrus::{Function, FunctionId, Module};
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
    reduce(&Path::new(&folder).join("rejoin_bg.wasm"), &Path::new(&folder).join("rejoin_bg.js"))
}

/// Makes the module and its glue smaller. Fails if a file cannot be read or written, or if the module has not the expected form.
fn reduce(code: &Path, glue: &Path) -> Result<(), Box<dyn Error>> {
    let mut module = Module::from_file(code)?;
    formatting::silence(&mut module)?;
    closures::drop_unused(&mut module);
    formatting::clear_tables(&mut module)?;
    let names = names::shorten(&mut module);
    module.emit_wasm_file(code)?;
    let text = fs::read_to_string(glue)?;
    Ok(fs::write(glue, names::replaced(text, &names))?)
}

/// Returns the functions whose names a condition accepts. Names contain the hash of each crate in brackets.
fn functions_named(module: &Module, accepted: impl Fn(&str) -> bool) -> Vec<FunctionId> {
    module.funcs.iter().filter(|function| function.name.as_deref().is_some_and(&accepted)).map(Function::id).collect()
}
