// As much of CoPilot's stream-utils as the migration guide names.
export declare const MAX_RETRIES: number;
export declare const INITIAL_RETRY_DELAY: number;
export declare function normalizeStreamChunk(chunk: unknown): unknown;
export declare function parseSSELine(line: string): string | null;
