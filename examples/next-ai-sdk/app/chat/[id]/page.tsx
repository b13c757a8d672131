import { Chat } from "@/components/Chat";
import { loadMessages } from "@/lib/server";

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <Chat key={id} id={id} history={await loadMessages(id)} />;
}
