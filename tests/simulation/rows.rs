//! Reads a batch's columns as JavaScript does, as far as the simulation needs them.

use rejoin::stream::batch::Batch;
use serde_json::Value;

/// One row as a listener gets it.
#[derive(Debug)]
pub enum Row {
    /// A piece of text in a block.
    Text { text: String, block: String, is_replayed: bool },
    /// The result of a tool call.
    Output { call: String, is_replayed: bool },
    /// `stream_start` and the task that it names.
    Start { task: Option<String>, is_replayed: bool },
    /// A chunk of an unknown type, with its name.
    Unknown { name: String, is_replayed: bool },
    /// The end of a task.
    End,
    /// Any other chunk.
    Other,
    /// `stream_reset`: everything before it is no longer valid.
    Reset,
    /// A frame that is no chunk.
    Malformed,
}

pub fn read(batch: &Batch) -> Vec<Row> {
    let text: Vec<u16> = batch.text().encode_utf16().collect();
    let names: Vec<u16> = str::from_utf8(batch.names()).unwrap().encode_utf16().collect();
    let words = batch.descriptors().iter().copied();
    let mut reader = Reader { text: &text, names: &names, words, block: String::new() };
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
    /// The block of the last delta.
    block: String,
}

impl<I: Iterator<Item = u32>> Reader<'_, I> {
    fn read_row(&mut self, head: u32, rows: &mut Vec<Row>) {
        let is_replayed = head & (1 << 9) != 0;
        match head & 15 {
            0 => {
                if head & (1 << 10) != 0 {
                    self.block = self.name();
                }
                self.skip_id(head);
                let text = self.slice();
                rows.push(match head & 0xf0 {
                    0x00 | 0x10 => Row::Text { text, block: self.block.clone(), is_replayed },
                    _ => Row::Other,
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
                let call = self.name();
                if head & (1 << 10) != 0 {
                    self.name();
                }
                self.skip_id(head);
                self.slice();
                let is_output = head & 0xf0 == 0x10;
                rows.push(if is_output { Row::Output { call, is_replayed } } else { Row::Other });
            }
            _ => rows.push(Row::Reset),
        }
    }

    fn name(&mut self) -> String {
        let length = self.length();
        cut(&mut self.names, length)
    }

    fn skip_id(&mut self, head: u32) {
        cut(&mut self.names, (head >> 16) as usize);
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
    let is_replayed = value["replayed"] == true;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    match text("type").as_str() {
        "text_chunk" => Row::Text { text: text("content"), block: text("blockId"), is_replayed },
        "tool_response" => Row::Output { call: text("tool_id"), is_replayed },
        "stream_start" => Row::Start { task: value["taskId"].as_str().map(str::to_owned), is_replayed },
        "brand-new" => Row::Unknown { name: text("name"), is_replayed },
        "stream_end" | "error" | "abort" => Row::End,
        _ => Row::Other,
    }
}
