//! Enforces the direction of dependencies that `ARCHITECTURE.md` and `src/lib.rs` describe: each part of the crate imports only
//! parts before it, and siblings do not import each other.

#![allow(clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each part, and the parts that it may import besides itself.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("stream", &[]),
    ("value", &[]),
    ("protocol", &["stream", "value"]),
    ("persist", &["stream", "value"]),
    ("tabs", &["stream", "value"]),
    ("compat", &["stream"]),
    ("client", &["stream", "protocol", "persist", "tabs"]),
    ("browser", &["stream", "value", "protocol", "persist", "tabs", "client"]),
    ("bindings", &["stream", "value", "protocol", "persist", "tabs", "client", "compat", "browser"]),
];

#[test]
fn every_part_imports_only_the_parts_before_it() {
    let mut violations = Vec::new();
    for (part, allowed) in MAY_IMPORT {
        for file in rust_files(&source(part)) {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            for imported in imports(&text).filter(|imported| *imported != part && !allowed.contains(imported)) {
                violations.push(format!("{} imports {imported}", file.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn the_test_knows_every_part_of_the_crate() {
    let known: Vec<&str> = MAY_IMPORT.iter().map(|(part, _)| *part).collect();
    for entry in fs::read_dir(source("")).expect("src can be read") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name in UTF-8");
        assert!(name == "lib.rs" || known.contains(&name.as_str()), "{name} has no rule in this test");
    }
}

#[test]
fn no_source_file_is_longer_than_600_lines_and_no_folder_holds_more_than_a_dozen_entries() {
    for file in rust_files(&source("")) {
        let lines = fs::read_to_string(&file).expect("a source file can be read").lines().count();
        assert!(lines <= 600, "{} has {lines} lines", file.display());
        let siblings = fs::read_dir(file.parent().expect("a folder")).expect("the folder can be read").count();
        assert!(siblings <= 12, "{} has {siblings} entries", file.display());
    }
}

fn source(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(part)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// Returns the first segments of all `crate::` paths in code, not in comments.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1)).map(|path| {
        let end = path.find(|character: char| !character.is_ascii_lowercase() && character != '_');
        path.split_at(end.unwrap_or(path.len())).0
    })
}
