//! Reads a batch's columns as the JavaScript side does, as far as the simulation needs it.

use rejoin::stream::batch::Batch;
use rejoin::stream::cursor::EventId;
use serde_json::Value;

/// One row as a listener sees it.
#[derive(Debug)]
pub enum Row {
    /// A piece of the answer's text.
    Text { text: String, id: Option<EventId>, replayed: bool },
    /// Another chunk.
    Chunk { kind: String, task: Option<String>, id: Option<EventId>, replayed: bool },
    /// Everything before is void.
    Reset,
    /// A frame that is no chunk.
    Malformed,
}

pub fn read(batch: &Batch) -> Vec<Row> {
    let text: Vec<u16> = batch.text().encode_utf16().collect();
    let names: Vec<u16> = str::from_utf8(batch.names()).unwrap().encode_utf16().collect();
    let mut reader = Reader { text: &text, names: &names, words: batch.descriptors().iter().copied() };
    let mut rows = Vec::new();
    while let Some(head) = reader.words.next() {
        reader.read_row(head, &mut rows);
    }
    rows
}

struct Reader<'a, I> {
    text: &'a [u16],
    names: &'a [u16],
    words: I,
}

impl<I: Iterator<Item = u32>> Reader<'_, I> {
    fn read_row(&mut self, head: u32, rows: &mut Vec<Row>) {
        match head & 15 {
            0 => {
                self.skip_names(head >> 10 & 1);
                let id = self.id(head);
                let text = self.slice();
                let replayed = head & (1 << 9) != 0;
                rows.push(match head & 0xf0 {
                    0x00 | 0x10 => Row::Text { text, id, replayed },
                    _ => Row::Chunk { kind: "delta".into(), task: None, id, replayed },
                });
            }
            1 => {
                self.words.next();
                let chunks: Vec<Value> = serde_json::from_str(&self.slice()).unwrap();
                rows.extend(chunks.iter().map(chunk));
            }
            2 => {
                self.slice();
                rows.push(Row::Malformed);
            }
            4 => {
                self.skip_names(1 + (head >> 10 & 1));
                let id = self.id(head);
                self.slice();
                rows.push(Row::Chunk { kind: "tool".into(), task: None, id, replayed: head & (1 << 9) != 0 });
            }
            _ => rows.push(Row::Reset),
        }
    }

    fn skip_names(&mut self, count: u32) {
        for _ in 0..count {
            let length = self.length();
            cut(&mut self.names, length);
        }
    }

    fn id(&mut self, head: u32) -> Option<EventId> {
        (head >> 16 > 0).then(|| cut(&mut self.names, (head >> 16) as usize).parse().unwrap())
    }

    fn slice(&mut self) -> String {
        let length = self.length();
        cut(&mut self.text, length)
    }

    fn length(&mut self) -> usize {
        self.words.next().unwrap() as usize
    }
}

fn cut(text: &mut &[u16], length: usize) -> String {
    let (slice, rest) = text.split_at(length);
    *text = rest;
    String::from_utf16(slice).unwrap()
}

fn chunk(value: &Value) -> Row {
    let id = value["eventId"].as_str().map(|id| id.parse().unwrap());
    let replayed = value["replayed"] == true;
    match value["type"].as_str().unwrap() {
        "text_chunk" => Row::Text { text: value["content"].as_str().unwrap().into(), id, replayed },
        kind => Row::Chunk { kind: kind.into(), task: value["taskId"].as_str().map(str::to_owned), id, replayed },
    }
}
