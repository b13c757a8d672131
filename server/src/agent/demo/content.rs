//! The texts of the demo agent.

/// The thoughts that `/reasoning` wants.
pub const REASONING: &str =
    "The message asks for something. I look at what it says, think of what would help, and answer.";

/// The file that `/file` wants: “Notes of the demo agent.” and a line feed.
pub const FILE: &str = "data:text/plain;base64,Tm90ZXMgb2YgdGhlIGRlbW8gYWdlbnQuCg==";

const WORDS: [&str; 12] = [
    "harbour", "lantern", "meadow", "copper", "window", "orchard", "signal", "paper", "river", "ladder", "garden",
    "stone",
];

/// No two tokens of an answer are equal, so that a doubled or a missing one shows.
pub fn token(number: usize) -> String {
    format!("{}-{number} ", WORDS[number % WORDS.len()])
}

/// Several scripts, emoji with joiners, and every escape that JSON knows.
pub fn unicode_pieces() -> Vec<String> {
    [
        "Grüße, ",
        "Zürich! ",
        "Καλημέρα ",
        "Привет ",
        "שלום ",
        "مرحبا ",
        "नमस्ते ",
        "สวัสดี ",
        "你好",
        "，世界 ",
        "こんにちは ",
        "안녕 ",
        "👩‍👩‍👧‍👦 ",
        "🏳️‍🌈 ",
        "👍🏽 ",
        "e\u{301} ",
        "𝄞 ",
        "\"quoted\" ",
        "back\\slash ",
        "sla/sh ",
        "tab\t",
        "line\n",
        "return\r",
        "form\u{c}",
        "back\u{8}",
        "nul\u{0} ",
        "esc\u{1b} ",
        "del\u{7f} ",
        "\u{2028}\u{2029} ",
        "\u{feff}bom ",
        "\u{10ffff} ",
        "</script> ",
        "data: [DONE]\n\n",
        "id: 9-9 ",
    ]
    .map(String::from)
    .into()
}

/// The answer to a message without directives.
pub fn answer_to(message: &str) -> String {
    let quote = clipped(message, 200);
    format!(
        "You wrote: “{quote}”. Here is what I can say about it, and I will take my time, so that you can see how a long \
         answer arrives.\n\n\
         I am the demo agent of this server. I do not know anything about the world, but I am reliable in my own way: \
         the same message always gets the same answer, word for word. That makes me useful for trying out what happens \
         when a connection breaks. You may close the lid of your computer, walk from one network to another, reload the \
         page, or open it in a second window while I speak. The task that writes this text runs on the server and does \
         not care who is listening; each chunk gets a number in its log before anyone sees it. When you come back, your \
         browser says which number it saw last, and the server goes on from the next one. Nothing is said twice, and \
         nothing is left out.\n\n\
         Before I go on, I looked into the notes, as you can see from the tool call. They say that most streams are cut \
         in the middle of a word, that the second most common place is the middle of a character, and that people \
         mostly notice when the answer begins again from the start. None of that should happen here.\n\n\
         If you would like to see more of what can be streamed, write a message with directives. Try “/tokens 200 \
         /rate 20” for a steady stream, “/tool weather” for a tool call, “/reasoning” for thoughts before the answer, \
         “/unicode” for many scripts at once, or “/silence 20000” for a pause that tests the patience of your \
         connection. Stop me whenever you like: what I said until then stays in the history of this session, exactly as \
         it was streamed.\n\n\
         That is all that I have to say about “{}”. Thank you for listening to the end.",
        clipped(message, 40)
    )
}

/// The first characters of a text.
pub fn clipped(text: &str, longest: usize) -> String {
    let clip: String = text.chars().take(longest).collect();
    if clip.len() < text.len() { format!("{clip}…") } else { clip }
}

/// The text in pieces, each cut after a space, so that together they are the text.
pub fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(String::from).collect()
}

/// The text in pieces of about eight characters.
pub fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(8).map(|piece| piece.iter().collect()).collect()
}
