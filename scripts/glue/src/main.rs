//! `rejoin-glue INPUT.wasm OUT_DIR`: writes the glue for a module that was compiled against `wasm-bindgen`.

use std::error::Error;
use std::fs;
use std::path::Path;

use walrus::Module;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rejoin-glue INPUT.wasm OUT_DIR".into());
    };
    let mut bindgen = Bindgen::new();
    // The output for bundlers takes an instance from outside (`__wbg_set_wasm`), and contains no code that loads one.
    bindgen.input_path(input).bundler(true)?.typescript(true).out_name("rejoin");
    bindgen.generate(&folder)?;
    shorten(Path::new(&folder))
}

/// Shortens the names that the module and the glue have for each other's functions, in both files. wasm-bindgen makes them unique
/// with hashes and types, which do not compress: they take 3 kB of the download. Fails if a file cannot be read or written.
fn shorten(folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = folder.join("rejoin_bg.wasm");
    let mut module = Module::from_file(&path)?;
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
