import { redirect } from "next/navigation";
import { createSession } from "@/lib/server";

export const dynamic = "force-dynamic";

/** Each visit begins a new chat and redirects to its address. */
export default async function Page() {
  redirect(`/chat/${await createSession()}`);
}
