// CoPilot's dispatcher, by its type.
import type { HandlerDependencies } from "./stubs";

export declare function createStreamEventDispatcher(deps: HandlerDependencies): (chunk: unknown) => void;
