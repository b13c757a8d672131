// The app as it was before the migration.

import { mount } from "../shared/Chat";
import { useChatContainer } from "./useChatContainer";
import { useSessionsPagination } from "./useSessionsPagination";

mount({ useChatContainer, useSessionsPagination });
