// What CoPilot's dispatcher is given.
export interface HandlerDependencies {
  sessionId: string;
}
