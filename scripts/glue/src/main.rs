//! `rejoin-glue INPUT.wasm OUT_DIR`: writes the glue for a module that was compiled against `wasm-bindgen`.

use std::error::Error;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rejoin-glue INPUT.wasm OUT_DIR".into());
    };
    let mut bindgen = Bindgen::new();
    // The output for bundlers takes an instance from outside (`__wbg_set_wasm`), and contains no code that loads one.
    bindgen.input_path(input).bundler(true)?.typescript(true).out_name("rejoin");
    Ok(bindgen.generate(folder)?)
}
