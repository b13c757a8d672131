import { Chat } from "@/components/Chat";
import { loadMessages } from "@/lib/backend";

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <Chat key={id} sessionId={id} history={await loadMessages(id)} />;
}
