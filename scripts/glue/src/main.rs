//! `rejoin-glue INPUT.wasm OUT_DIR`: writes the glue for a module that was compiled against `wasm-bindgen`.

use std::error::Error;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rejoin-glue INPUT.wasm OUT_DIR".into());
    };
    let mut bindgen = Bindgen::new();
    // Without a default path the glue has no `import.meta.url`, which bundlers would follow to a file that is inlined.
    bindgen.input_path(input).web(true)?.typescript(true).omit_default_module_path(true).out_name("rejoin");
    Ok(bindgen.generate(folder)?)
}
