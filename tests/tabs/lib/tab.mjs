// One tab under WebDriver, controlled through `globalThis.tab` of its page.

export class Tab {
  constructor(driver, handle) {
    this.driver = driver;
    this.handle = handle;
  }

  async focus() {
    await this.driver.switchTo().window(this.handle);
  }

  /** Loads an address. Resolves when the page's client is ready. */
  async visit(url) {
    await this.focus();
    await this.driver.get(url);
    await this.ready();
  }

  async reload() {
    await this.focus();
    await this.driver.navigate().refresh();
    await this.ready();
  }

  /** Goes to a page of another origin, so that this one stays in the history. */
  async leave() {
    await this.focus();
    await this.driver.get("about:blank");
  }

  async back() {
    await this.focus();
    await this.driver.navigate().back();
    await this.ready();
  }

  /** Calls a method of the page's `tab`. */
  async call(name, ...wanted) {
    await this.focus();
    return this.driver.executeScript((name, wanted) => globalThis.tab[name](...wanted), name, wanted);
  }

  /** Waits in the page until a condition holds (see page.js). Returns the state. */
  async until(...condition) {
    await this.focus();
    const wait = (condition, done) => void globalThis.tab.until(...condition).then(done);
    try {
      return await this.driver.executeAsyncScript(wait, condition);
    } catch (error) {
      const state = await this.state().then(shortened, String);
      throw new Error(`until ${condition.join(" ")}: ${error.message}\n${JSON.stringify(state, null, 1)}`);
    }
  }

  state() {
    return this.call("state");
  }

  /** Runs a function in the page. */
  async run(script, ...values) {
    await this.focus();
    return this.driver.executeScript(script, ...values);
  }

  async close() {
    await this.focus();
    await this.driver.close();
  }

  /** Waits until the page answers. */
  async ready() {
    const wait = (done) => {
      const look = () => (globalThis.tab?.isReady ? done() : setTimeout(look, 10));
      look();
    };
    await this.driver.executeAsyncScript(wait);
  }
}

function shortened(state) {
  return { ...state, text: `${state.text.length} characters`, received: `${state.received.length} characters` };
}
