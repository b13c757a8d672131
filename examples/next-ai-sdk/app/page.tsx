import { redirect } from "next/navigation";
import { createSession } from "@/lib/server";

export const dynamic = "force-dynamic";

/** Each visit begins a chat; its address is the chat's. */
export default async function Page() {
  redirect(`/chat/${await createSession()}`);
}
