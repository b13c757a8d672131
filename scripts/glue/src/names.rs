//! Shortens the names that the module and the glue have for each other's functions. wasm-bindgen makes them unique with hashes and
//! types, which do not compress: they take 3 kB of the download.

use walrus::Module;

/// Shortens the names in the module. Returns pairs of an old name and its new one.
pub fn shorten(module: &mut Module) -> Vec<(String, String)> {
    let imports = module.imports.iter_mut().map(|import| &mut import.name).filter(|name| has_hash(name));
    let mut names = renamed(imports, "i");
    let exports = module.exports.iter_mut().map(|export| &mut export.name);
    names.extend(renamed(exports.filter(|name| name.starts_with("wasm_bindgen_")), "__invoke_"));
    // The longest names come first, because a name may begin with another one.
    names.sort_by_key(|(long, _)| std::cmp::Reverse(long.len()));
    names
}

/// Returns the glue with the new names.
pub fn replaced(glue: String, names: &[(String, String)]) -> String {
    names.iter().fold(glue, |text, (long, short)| text.replace(long, short))
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
