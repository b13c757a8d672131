// The app after the migration by docs/migrating-copilot.md.

import { mount } from "../shared/Chat";
import { useChatContainer } from "./useChatContainer";
import { useSessionsPagination } from "./useSessionsPagination";

mount({ useChatContainer, useSessionsPagination });
