//! The rules of `createStreamEventDispatcher` (API.md): which handler hears of which chunk, how often and in which order.
//!
//! Chunks come reduced to what the rules need: a [`Kind`], and the task, block or tool id as a small number that the
//! shell gave it ([`Name`]). What comes out are [`Action`]s; the handlers run in the shell, when this call is over.

/// A task, block or tool id. One number per distinct text; [`UNNAMED`] where a chunk has none.
pub type Name = u32;

/// The chunk carries no id.
pub const UNNAMED: Name = 0;

/// Ids that are remembered per task; of older ones it is forgotten that they were closed or answered.
const MEMORY: usize = 8192;

/// Operations that are waited for at once; of more the oldest are forgotten.
const OPERATIONS: usize = 256;

/// Text blocks that may be open at once; of more the oldest are closed.
const OPEN_BLOCKS: usize = 1024;

/// What a chunk is to the dispatcher.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen::prelude::wasm_bindgen)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `stream_start`; named by its task.
    Start,
    /// `text_chunk`; named by its block, which has no name in the legacy dialect.
    Text,
    /// `text_ended`; likewise.
    TextEnded,
    /// `tool_call_start`; named by its tool id.
    ToolStart,
    /// `tool_response`; likewise.
    ToolResponse,
    /// `login_needed`, `need_login`.
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
    /// Everything else.
    Other,
}

/// Whether a tool response settles its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It does; also the weight of all other chunks.
    Final,
    /// `preliminary`, or a result that is `operation_started`.
    Interim,
    /// A result that is `operation_started` and names the task that the operation runs in.
    Operation(Name),
}

/// One chunk, reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Of what.
    pub name: Name,
    /// Whether it settles a call.
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

/// A call to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Give the chunk to this handler.
    Hand(Handler),
    /// Tell `onTextEnded` of this block, whose end did not come.
    CloseBlock(Name),
    /// Tell `onStreamEnd`, although the chunk is none.
    EndStream,
    /// Tell `onStreamStart` of this task, whose start did not come.
    StartStream(Name),
}

/// The state of one dispatcher.
#[derive(Debug, Default)]
pub struct Dispatcher {
    life: Life,
    /// The task that `onStreamStart` heard of.
    task: Option<Name>,
    login: Login,
    /// By name; the unnamed one first.
    seen: Vec<Seen>,
    /// Open blocks in the order they opened.
    open: Vec<Name>,
    /// In the order they started.
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

/// What is known of a name: as a block and as a tool, since one text may be both.
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

    /// The kind of a chunk's `type`.
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

    /// The kind that stands as this number in the shell.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Other)
    }
}

impl Dispatcher {
    /// Takes one chunk and appends what is to be called for it, in order.
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

    /// The stream of an operation begins with the final response of its call, where no client has given a `stream_start`
    /// for it. Any other response is dropped, because it comes after the end.
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

    /// "Once per task (a `stream_start` of another task starts over)": also after the end, where the same one is dropped.
    fn take_start(&mut self, task: Name, actions: &mut Vec<Action>) {
        if self.task != Some(task) {
            self.begin(task, Action::Hand(Handler::StreamStart), actions);
        }
    }

    fn begin(&mut self, task: Name, start: Action, actions: &mut Vec<Action>) {
        if self.task.is_some() || self.life == Life::Ended {
            self.start_over(actions);
        }
        self.task = Some(task);
        self.operations.retain(|operation| operation.task != task);
        push(actions, start);
    }

    /// A block that was closed and gets text again is a new one: models count their blocks anew in every step.
    fn take_text(&mut self, block: Name, actions: &mut Vec<Action>) {
        if self.seen(block).block != Block::Open {
            self.make_room(actions);
            self.note(block, |seen| seen.block = Block::Open);
            self.open.push(block);
        }
        push(actions, Action::Hand(Handler::TextChunk));
    }

    /// A named block without text ends like any other. Unnamed ones cannot be told apart: an end where none is open is
    /// a repeat.
    fn take_text_ended(&mut self, block: Name, actions: &mut Vec<Action>) {
        let ends = match self.seen(block).block {
            Block::Open => true,
            Block::Unseen => block != UNNAMED,
            Block::Closed => false,
        };
        if ends {
            self.note(block, |seen| seen.block = Block::Closed);
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
            self.note(tool, |seen| seen.call = Call::Started);
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
                self.note(item.name, |seen| seen.answer = Answer::Settled);
                self.operations.retain(|known| known.tool != item.name);
            }
            Weight::Operation(task) => self.wait_for(Operation { tool: item.name, task }),
            Weight::Interim => {}
        }
        push(actions, Action::Hand(Handler::ToolResponse));
    }

    /// An operation of this very task needs no start of its own.
    fn wait_for(&mut self, operation: Operation) {
        if self.task == Some(operation.task) {
            return;
        }
        self.operations.retain(|known| known.tool != operation.tool);
        if self.operations.len() >= OPERATIONS {
            self.operations.remove(0);
        }
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
        self.note(block, |seen| seen.block = Block::Closed);
        push(actions, Action::CloseBlock(block));
    }

    fn seen(&self, name: Name) -> Seen {
        self.seen.get(name as usize).copied().unwrap_or_default()
    }

    fn note(&mut self, name: Name, change: impl FnOnce(&mut Seen)) {
        let at = name as usize;
        if self.seen.len() <= at {
            self.seen.resize(at + 1, Seen::default());
        }
        if let Some(seen) = self.seen.get_mut(at) {
            change(seen);
        }
    }

    /// Forgets names that are not needed any more and gives the others new numbers: the n-th of the answer, which are
    /// old ones in ascending order, is `n` from now on, counted from 1.
    pub fn compact(&mut self) -> Vec<Name> {
        let used = self.used();
        let surplus = used.len().saturating_sub(MEMORY);
        let (old, recent) = used.split_at(surplus);
        let mut kept: Vec<Name> = old.iter().copied().filter(|name| self.is_live(*name)).collect();
        kept.extend_from_slice(recent);
        self.renumber(&kept);
        kept
    }

    fn used(&self) -> Vec<Name> {
        let noted = (1..).zip(self.seen.iter().skip(1));
        let mut used: Vec<Name> = noted.filter(|(_, seen)| **seen != Seen::default()).map(|(name, _)| name).collect();
        used.extend(self.task.filter(|task| *task != UNNAMED));
        used.extend(self.operations.iter().flat_map(|operation| [operation.tool, operation.task]));
        used.sort_unstable();
        used.dedup();
        used
    }

    fn is_live(&self, name: Name) -> bool {
        let is_waited_for = |operation: &Operation| operation.tool == name || operation.task == name;
        self.task == Some(name) || self.seen(name).block == Block::Open || self.operations.iter().any(is_waited_for)
    }

    fn renumber(&mut self, kept: &[Name]) {
        self.seen = std::iter::once(&UNNAMED).chain(kept).map(|name| self.seen(*name)).collect();
        let renamed = |old: Name| match kept.binary_search(&old) {
            Ok(place) => u32::try_from(place + 1).unwrap_or(UNNAMED),
            Err(_) => UNNAMED,
        };
        self.task = self.task.map(renamed);
        self.open.iter_mut().for_each(|block| *block = renamed(*block));
        self.operations.iter_mut().for_each(|operation| {
            *operation = Operation { tool: renamed(operation.tool), task: renamed(operation.task) };
        });
    }
}

/// One place where actions grow, of twenty that push.
#[inline(never)]
fn push(actions: &mut Vec<Action>, action: Action) {
    actions.push(action);
}

#[cfg(test)]
mod tests;
