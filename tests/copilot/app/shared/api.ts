// The JSON endpoints, which the app reaches under another base than the streams.

export interface StoredCall {
  id: string;
  function: { name: string; arguments: string };
}

export interface StoredMessage {
  role: string;
  content: string | null;
  name?: string | null;
  tool_call_id?: string | null;
  tool_calls?: StoredCall[] | null;
}

export interface ActiveStreamInfo {
  task_id: string;
  last_message_id: string;
  operation_id: string | null;
  tool_name: string | null;
}

export interface Session {
  id: string;
  messages: StoredMessage[];
  active_stream: ActiveStreamInfo | null;
}

export interface SessionSummary {
  id: string;
  title: string | null;
  is_processing: boolean;
}

const BASE = "/api/proxy/api/chat";

export async function getSession(id: string): Promise<Session> {
  return ask(`/sessions/${id}`);
}

export async function listSessions(): Promise<SessionSummary[]> {
  const { sessions } = await ask<{ sessions: SessionSummary[] }>("/sessions?limit=50&offset=0");
  return sessions;
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(BASE + path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json() as Promise<T>;
}
