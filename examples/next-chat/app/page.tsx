import { NewChat } from "@/components/NewChat";

export default function Page() {
  return <NewChat />;
}
