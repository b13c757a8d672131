//! The rules of `createStreamEventDispatcher` (API.md): which handler receives which chunk, how often and in which order.
//!
//! JavaScript reduces each chunk to what the rules need: its [`Kind`], and its task, block or tool id as a small number
//! ([`Name`]). The rules return [`Action`]s, and JavaScript calls the handlers after that.

/// A number that JavaScript assigns to a task, block or tool id. Equal ids have equal numbers.
pub type Name = u32;

/// The name of a chunk without an id.
pub const UNNAMED: Name = 0;

/// The number of names that a dispatcher remembers per task. It forgets that older ones were closed or answered.
const MEMORY: usize = 8192;

/// The number of operations that a dispatcher waits for at once. It forgets the oldest of more.
const OPERATIONS: usize = 256;

/// The number of text blocks that may be open at once. The dispatcher closes the oldest of more.
const OPEN_BLOCKS: usize = 1024;

/// The kinds of chunks that the rules distinguish.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `stream_start`. Its name is the task.
    Start,
    /// `text_chunk`. Its name is the block; in the legacy dialect it has none.
    Text,
    /// `text_ended`. Its name is the block as well.
    TextEnded,
    /// `tool_call_start`. Its name is the tool id.
    ToolStart,
    /// `tool_response`. Its name is the tool id as well.
    ToolResponse,
    /// `login_needed` or `need_login`.
    Login,
    /// `credentials_needed`.
    Credentials,
    /// `usage`.
    Usage,
    /// `error`.
    Error,
    /// `stream_end`.
    End,
    /// `abort`.
    Abort,
    /// `stream_reset`.
    Reset,
    /// Any other chunk.
    Other,
}

/// Whether a tool response settles its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It settles the call. All chunks that are no tool responses have this weight, too.
    Final,
    /// It is `preliminary`, or its result is `operation_started`.
    Interim,
    /// Its result is `operation_started` and names the task in which the operation runs.
    Operation(Name),
}

/// A chunk, reduced to what the rules need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The kind of the chunk.
    pub kind: Kind,
    /// The id of its task, block or tool call.
    pub name: Name,
    /// Whether the chunk settles its tool call.
    pub weight: Weight,
}

/// The handlers, in the order of API.md.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Handler {
    /// `onStreamStart`.
    StreamStart,
    /// `onTextChunk`.
    TextChunk,
    /// `onTextEnded`.
    TextEnded,
    /// `onToolCallStart`.
    ToolCallStart,
    /// `onToolCallUpdate`.
    ToolCallUpdate,
    /// `onToolResponse`.
    ToolResponse,
    /// `onLoginNeeded`.
    LoginNeeded,
    /// `onCredentialsNeeded`.
    CredentialsNeeded,
    /// `onUsage`.
    Usage,
    /// `onError`.
    Error,
    /// `onStreamEnd`.
    StreamEnd,
    /// `onOther`.
    Other,
}

/// A call of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Calls the handler with the chunk.
    Hand(Handler),
    /// Calls `onTextEnded` for a block whose end is missing.
    CloseBlock(Name),
    /// Calls `onStreamEnd`, although the chunk is no `stream_end`.
    EndStream,
    /// Calls `onStreamStart` for a task whose start is missing.
    StartStream(Name),
}

/// The state of one dispatcher.
#[derive(Debug, Default)]
pub struct Dispatcher {
    life: Life,
    /// The task for which `onStreamStart` was called.
    task: Option<Name>,
    login: Login,
    /// What is known of each name, with [`UNNAMED`] at place 0. It has a place for each name of the other fields.
    seen: Vec<Seen>,
    /// The open blocks in the order in which they opened.
    open: Vec<Name>,
    /// The operations that go on in tasks of their own, in the order in which they started.
    operations: Vec<Operation>,
}

/// A call whose final response comes in a task of its own (PROTOCOL §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operation {
    tool: Name,
    task: Name,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Running,
    Ended,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Login {
    #[default]
    NotAsked,
    Asked,
}

/// What is known of a name, both as a block and as a tool call, because one id may be used for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    block: Block,
    call: Call,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Block {
    #[default]
    Unseen,
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Call {
    #[default]
    Unseen,
    Started,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    Open,
    Settled,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Start,
        Self::Text,
        Self::TextEnded,
        Self::ToolStart,
        Self::ToolResponse,
        Self::Login,
        Self::Credentials,
        Self::Usage,
        Self::Error,
        Self::End,
        Self::Abort,
        Self::Reset,
        Self::Other,
    ];

    /// Returns the kind of a chunk by its `type`.
    #[must_use]
    pub fn of(chunk_type: &str) -> Self {
        match chunk_type {
            "stream_start" => Self::Start,
            "text_chunk" => Self::Text,
            "text_ended" => Self::TextEnded,
            "tool_call_start" => Self::ToolStart,
            "tool_response" => Self::ToolResponse,
            "login_needed" | "need_login" => Self::Login,
            "credentials_needed" => Self::Credentials,
            "usage" => Self::Usage,
            "error" => Self::Error,
            "stream_end" => Self::End,
            "abort" => Self::Abort,
            "stream_reset" => Self::Reset,
            _ => Self::Other,
        }
    }

    /// Returns the kind with this number, as JavaScript has it.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Other)
    }
}

impl Dispatcher {
    /// Takes one chunk and appends the calls that it leads to, in order.
    pub fn take(&mut self, item: Item, actions: &mut Vec<Action>) {
        match item.kind {
            Kind::Start => self.take_start(item.name, actions),
            Kind::Reset => {
                self.start_over(actions);
                push(actions, Action::Hand(Handler::Other));
            }
            _ if self.life == Life::Running => self.take_running(item, actions),
            Kind::ToolResponse if item.weight == Weight::Final => self.take_operation(item, actions),
            _ => {}
        }
    }

    /// Begins the stream of an operation at the final response of its call, if nobody sent a `stream_start` before. It
    /// drops any other response, because that comes after the end.
    fn take_operation(&mut self, item: Item, actions: &mut Vec<Action>) {
        if let Some(operation) = self.operations.iter().copied().find(|operation| operation.tool == item.name) {
            self.begin(operation.task, Action::StartStream(operation.task), actions);
            self.take_running(item, actions);
        }
    }

    fn take_running(&mut self, item: Item, actions: &mut Vec<Action>) {
        match item.kind {
            Kind::Text => self.take_text(item.name, actions),
            Kind::TextEnded => self.take_text_ended(item.name, actions),
            Kind::ToolStart => self.take_tool_start(item.name, actions),
            Kind::ToolResponse => self.take_tool_response(item, actions),
            Kind::Login => self.take_login(actions),
            Kind::Credentials => push(actions, Action::Hand(Handler::CredentialsNeeded)),
            Kind::Usage => push(actions, Action::Hand(Handler::Usage)),
            Kind::Error => self.end(&[Action::Hand(Handler::Error)], actions),
            Kind::End => self.end(&[Action::Hand(Handler::StreamEnd)], actions),
            Kind::Abort => self.end(&[Action::Hand(Handler::Other), Action::EndStream], actions),
            Kind::Start | Kind::Reset | Kind::Other => push(actions, Action::Hand(Handler::Other)),
        }
    }

    /// Follows "once per task (a `stream_start` of another task starts over)", also after the end.
    fn take_start(&mut self, task: Name, actions: &mut Vec<Action>) {
        if self.task != Some(task) {
            self.begin(task, Action::Hand(Handler::StreamStart), actions);
        }
    }

    fn begin(&mut self, task: Name, start: Action, actions: &mut Vec<Action>) {
        if self.task.is_some() || self.life == Life::Ended {
            self.start_over(actions);
        }
        self.keep_place(task);
        self.task = Some(task);
        self.operations.retain(|operation| operation.task != task);
        push(actions, start);
    }

    /// Opens the block if it is not open. A closed block that gets text again is a new one, because models number their
    /// blocks from the beginning in every step.
    fn take_text(&mut self, block: Name, actions: &mut Vec<Action>) {
        if self.seen(block).block != Block::Open {
            self.make_room(actions);
            self.note(block, Seen { block: Block::Open, ..self.seen(block) });
            self.open.push(block);
        }
        push(actions, Action::Hand(Handler::TextChunk));
    }

    /// Ends a block. A named block may end without text. Unnamed blocks cannot be distinguished, so an end is a repeat if
    /// no unnamed block is open.
    fn take_text_ended(&mut self, block: Name, actions: &mut Vec<Action>) {
        let ends = match self.seen(block).block {
            Block::Open => true,
            Block::Unseen => block != UNNAMED,
            Block::Closed => false,
        };
        if ends {
            self.note(block, Seen { block: Block::Closed, ..self.seen(block) });
            self.open.retain(|open| *open != block);
            push(actions, Action::Hand(Handler::TextEnded));
        }
    }

    fn take_tool_start(&mut self, tool: Name, actions: &mut Vec<Action>) {
        let handler = match self.seen(tool).call {
            Call::Started => Handler::ToolCallUpdate,
            Call::Unseen => Handler::ToolCallStart,
        };
        if tool != UNNAMED {
            self.note(tool, Seen { call: Call::Started, ..self.seen(tool) });
        }
        push(actions, Action::Hand(handler));
    }

    fn take_tool_response(&mut self, item: Item, actions: &mut Vec<Action>) {
        if self.seen(item.name).answer == Answer::Settled {
            return;
        }
        match item.weight {
            _ if item.name == UNNAMED => {}
            Weight::Final => {
                self.note(item.name, Seen { answer: Answer::Settled, ..self.seen(item.name) });
                self.operations.retain(|known| known.tool != item.name);
            }
            Weight::Operation(task) => self.wait_for(Operation { tool: item.name, task }),
            Weight::Interim => {}
        }
        push(actions, Action::Hand(Handler::ToolResponse));
    }

    /// Remembers an operation, unless it runs in this very task and so needs no start of its own.
    fn wait_for(&mut self, operation: Operation) {
        if self.task == Some(operation.task) {
            return;
        }
        self.operations.retain(|known| known.tool != operation.tool);
        if self.operations.len() >= OPERATIONS {
            self.operations.remove(0);
        }
        self.keep_place(operation.tool);
        self.keep_place(operation.task);
        self.operations.push(operation);
    }

    fn take_login(&mut self, actions: &mut Vec<Action>) {
        if self.login == Login::NotAsked {
            self.login = Login::Asked;
            push(actions, Action::Hand(Handler::LoginNeeded));
        }
    }

    fn end(&mut self, last: &[Action], actions: &mut Vec<Action>) {
        self.close_blocks(actions);
        self.life = Life::Ended;
        actions.extend_from_slice(last);
    }

    fn start_over(&mut self, actions: &mut Vec<Action>) {
        self.close_blocks(actions);
        self.life = Life::Running;
        self.task = None;
        self.login = Login::NotAsked;
        self.seen.clear();
        self.operations.clear();
    }

    fn close_blocks(&mut self, actions: &mut Vec<Action>) {
        for block in std::mem::take(&mut self.open) {
            self.close(block, actions);
        }
    }

    fn make_room(&mut self, actions: &mut Vec<Action>) {
        if self.open.len() >= OPEN_BLOCKS {
            let oldest = self.open.remove(0);
            self.close(oldest, actions);
        }
    }

    fn close(&mut self, block: Name, actions: &mut Vec<Action>) {
        self.note(block, Seen { block: Block::Closed, ..self.seen(block) });
        push(actions, Action::CloseBlock(block));
    }

    fn seen(&self, name: Name) -> Seen {
        self.seen.get(name as usize).copied().unwrap_or_default()
    }

    /// Gives a name a place among those that were seen, so that [`Self::compact`] finds it.
    fn keep_place(&mut self, name: Name) {
        self.note(name, self.seen(name));
    }

    fn note(&mut self, name: Name, seen: Seen) {
        let at = name as usize;
        if self.seen.len() <= at {
            self.seen.resize(at + 1, Seen::default());
        }
        if let Some(place) = self.seen.get_mut(at) {
            *place = seen;
        }
    }

    /// Forgets the names that are no longer needed and renumbers the others. Returns their old numbers in ascending order;
    /// their new numbers count from 1 in the same order.
    pub fn compact(&mut self) -> Vec<Name> {
        let mut kept: Vec<Name> = (1..self.seen.len() as Name).collect();
        kept.retain(|name| self.seen(*name) != Seen::default() || self.is_live(*name));
        let mut surplus = kept.len().saturating_sub(MEMORY);
        kept.retain(|name| {
            let is_recent = surplus == 0;
            surplus = surplus.saturating_sub(1);
            is_recent || self.is_live(*name)
        });
        self.renumber(&kept);
        kept
    }

    fn is_live(&self, name: Name) -> bool {
        let is_waited_for = |operation: &Operation| operation.tool == name || operation.task == name;
        self.task == Some(name) || self.seen(name).block == Block::Open || self.operations.iter().any(is_waited_for)
    }

    fn renumber(&mut self, kept: &[Name]) {
        let mut seen = vec![self.seen(UNNAMED)];
        seen.extend(kept.iter().map(|name| self.seen(*name)));
        self.seen = seen;
        let rename = |name: &mut Name| *name = kept.binary_search(name).map_or(UNNAMED, |place| place as Name + 1);
        self.task.iter_mut().chain(&mut self.open).for_each(rename);
        for Operation { tool, task } in &mut self.operations {
            rename(tool);
            rename(task);
        }
    }
}

/// Appends an action. It is never inlined, because twenty copies of the growing code would cost bytes.
#[inline(never)]
fn push(actions: &mut Vec<Action>, action: Action) {
    actions.push(action);
}

#[cfg(test)]
mod tests;
