//! Writes batches of `fixtures/frames.txt` in several groupings, which `node/batch.test.mjs` reads. A line is `<event id or ->
//! <fresh|replayed> <data>`, or `reset`. After an intended change of the layout, run with `UPDATE_FIXTURES=1` and review the
//! difference.

#![allow(clippy::unwrap_used)]

use rejoin::stream::batch::{Age, Batch};
use rejoin::stream::chunk;
use std::fs;
use std::path::Path;

const GROUPS: [usize; 7] = [1, 2, 3, 5, 8, 13, usize::MAX];

#[test]
fn the_fixtures_for_javascript_are_what_the_batch_lays_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let frames = fs::read_to_string(folder.join("frames.txt")).unwrap();
    let lines: Vec<&str> = frames.split_terminator('\n').collect();
    let groupings: Vec<_> = GROUPS.map(|size| lines.chunks(size.min(lines.len())).map(lay_out).collect()).into();
    let written = layout_file(&groupings);

    let file = folder.join("batches.json");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&file, &written).unwrap();
    }
    assert!(fs::read_to_string(&file).unwrap() == written, "{} is out of date", file.display());
}

fn lay_out(lines: &[&str]) -> Batch {
    let mut batch = Batch::default();
    for line in lines {
        push(&mut batch, line);
    }
    batch
}

fn push(batch: &mut Batch, line: &str) {
    let Some((id, rest)) = line.split_once(' ') else { return batch.push_reset() };
    let (age, data) = rest.split_once(' ').unwrap();
    let age = if age == "replayed" { Age::Replayed } else { Age::Fresh };
    match chunk::decode(data) {
        Ok(chunk) => {
            batch.push(&chunk, id.parse().ok(), age);
        }
        Err(reason) => batch.push_malformed(data, reason),
    }
}

fn layout_file(groupings: &[Vec<Batch>]) -> String {
    let grouping = |batches: &Vec<Batch>| list("\n", batches.iter().map(layout));
    list("\n\n", groupings.iter().map(grouping)) + "\n"
}

fn layout(batch: &Batch) -> String {
    let text = serde_json::to_string(batch.text()).unwrap();
    let names = serde_json::to_string(str::from_utf8(batch.names()).unwrap()).unwrap();
    let descriptors = list("", batch.descriptors().iter().map(u32::to_string));
    format!(r#"{{"descriptors":{descriptors},"text":{text},"names":{names}}}"#)
}

fn list(separator: &str, items: impl Iterator<Item = String>) -> String {
    format!("[{separator}{}]", items.collect::<Vec<_>>().join(&format!(",{separator}")))
}
