// A `Chat` without React, for minors of the AI SDK whose hooks are not installed.

/** The state of a chat, which is replaced as a whole at each change. */
class State {
  status = "ready";
  error = undefined;
  snapshot = (value) => structuredClone(value);

  constructor(messages = []) {
    this.messages = messages;
  }

  pushMessage(message) {
    this.messages = [...this.messages, message];
  }

  popMessage() {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(place, message) {
    this.messages = this.messages.with(place, structuredClone(message));
  }
}

/** Returns a class like the `Chat` of `@ai-sdk/react`. */
export function chatClass(AbstractChat) {
  return class Chat extends AbstractChat {
    constructor({ messages, ...init }) {
      super({ ...init, state: new State(messages) });
    }
  };
}
