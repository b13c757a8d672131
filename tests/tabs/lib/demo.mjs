// The demo in a tab under WebDriver, used as a person would: found by what is visible, with keys and clicks, never waiting for
// time.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Key } from "selenium-webdriver";
import { Tab } from "./tab.mjs";

const at = (name) => `[data-testid="${name}"]`;
/** The folder for pictures of the scenes, if a person wants to see them. */
const { REJOIN_PICTURES: pictures } = process.env;

export class Demo extends Tab {
  async ready() {
    await this.sees((field) => document.querySelector(field), at("message-input"));
    await this.run(() => {
      // Firefox runs scripts of WebDriver with a global of their own.
      const problems = (window.problems = []);
      window.addEventListener("error", (event) => problems.push(`thrown: ${event.error?.stack ?? event.message}`));
      window.addEventListener("unhandledrejection", (event) => problems.push(`rejected: ${event.reason?.stack ?? event.reason}`));
    });
  }

  /** Waits in the page until a function returns a truthy value, and returns that. */
  async sees(isSo, ...values) {
    await this.focus();
    const look = `const [values, done] = arguments; const isSo = ${isSo}; (function look() { const seen = isSo(...values); if (seen) done(seen === true || seen instanceof Node ? true : seen); else setTimeout(look, 20); })();`;
    try {
      return await this.driver.executeAsyncScript(look, values);
    } catch (error) {
      const shown = await this.run(() => document.body.innerText);
      throw new Error(`${isSo} ${JSON.stringify(values)}: ${error.message}\n${shown}`);
    }
  }

  /** Waits until an element is visible. */
  shows(selector) {
    return this.sees((selector) => document.querySelector(selector), selector);
  }

  /** Waits until so many messages are visible, all of which the backend has, and nothing is being written. */
  async settled(count) {
    await this.sees((count) => {
      const messages = [...document.querySelectorAll('[data-testid="question"], [data-testid="answer"]')];
      const isAtRest = !document.querySelector('[data-testid="stop"], [aria-busy="true"], [data-delivery]');
      const last = messages.at(-1)?.querySelector('[data-testid="regenerate"]');
      return messages.length === count && isAtRest && last;
    }, count);
  }

  /** Returns the texts of all messages as `role: text`. */
  messages() {
    return this.run(() => {
      const textOf = (message) => [...message.querySelectorAll('.question-bubble, [data-testid="text-source"]')].map(({ textContent }) => textContent).join("");
      const messages = [...document.querySelectorAll('[data-testid="question"], [data-testid="answer"]')];
      return messages.map((message) => `${message.dataset.testid === "question" ? "user" : "assistant"}: ${textOf(message)}`);
    });
  }

  problems() {
    return this.run(() => window.problems);
  }

  async element(selector) {
    await this.shows(selector);
    return this.driver.findElement({ css: selector });
  }

  /** Clicks a visible element, as a person would who scrolls to it first. */
  async click(selector) {
    const element = await this.element(selector);
    await this.driver.executeScript((one) => one.scrollIntoView({ block: "center" }), element);
    await element.click();
  }

  async press(name) {
    await this.click(at(name));
  }

  /** Replaces the text of the field, and sends it. */
  async send(text) {
    const field = await this.element(at("message-input"));
    await this.driver.executeScript((one) => (one.focus(), one.select()), field);
    await field.sendKeys(text, Key.ENTER);
  }

  /** Pastes the clipboard into the field, and returns the content of the field. */
  async pasted() {
    await this.click(at("message-input"));
    await this.driver.actions().keyDown(Key.CONTROL).sendKeys("v").keyUp(Key.CONTROL).perform();
    return this.sees((field) => document.querySelector(field).value, at("message-input"));
  }

  /** Selects files of this machine. */
  async attach(...paths) {
    const input = await this.element(at("attach"));
    await input.sendKeys(paths.join("\n"));
    await this.sees((count) => document.querySelectorAll('[data-testid="attached"] li').length === count, paths.length);
  }

  /** Saves a picture of the tab if a person asked for pictures. */
  async picture(name) {
    // WebKitGTK's driver never answers for a tab on a virtual screen.
    if (!pictures || (await this.driver.getCapabilities()).getBrowserName() === "MiniBrowser") return;
    await this.focus();
    mkdirSync(pictures, { recursive: true });
    writeFileSync(join(pictures, `${name}.png`), await this.driver.takeScreenshot(), "base64");
  }
}
