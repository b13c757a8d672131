// Line icons, 20 × 20, in the colour of their text. They are decoration only: a text says the same.
import type { ReactNode } from "react";

function icon(shape: ReactNode) {
  return function Icon() {
    return (
      <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
        {shape}
      </svg>
    );
  };
}

export const MenuIcon = icon(<path d="M3 6h14M3 10h14M3 14h14" />);
export const PlusIcon = icon(<path d="M10 4v12M4 10h12" />);
export const SendIcon = icon(<path d="M10 16V4M5 9l5-5 5 5" />);
export const StopIcon = icon(<rect x="5.5" y="5.5" width="9" height="9" rx="1.5" fill="currentColor" />);
export const ChevronIcon = icon(<path d="M7.5 5l5 5-5 5" />);
export const DownIcon = icon(<path d="M10 4v12M5 11l5 5 5-5" />);
export const CopyIcon = icon(
  <>
    <rect x="7" y="7" width="9" height="10" rx="2" />
    <path d="M4 13V5a2 2 0 0 1 2-2h6" />
  </>,
);
export const CheckIcon = icon(<path d="M4 10.5l4 4 8-9" />);
export const CutIcon = icon(
  <>
    <circle cx="5.5" cy="5.5" r="2" />
    <circle cx="5.5" cy="14.5" r="2" />
    <path d="M7.2 6.8L16 14M7.2 13.2L16 6" />
  </>,
);
export const OfflineIcon = icon(<path d="M3 3l14 14M6.5 11.5a5 5 0 0 1 2-1.2M12.8 11a5 5 0 0 1 .7.5M3.5 8.5A9.5 9.5 0 0 1 6 6.9M9 6a9.6 9.6 0 0 1 7.5 2.5M10 15h.01" />);
export const ReloadIcon = icon(<path d="M16 4v4h-4M15.6 8A6.2 6.2 0 1 0 16 11.5" />);
export const RetryIcon = icon(<path d="M4 4v4h4M4.4 8A6.2 6.2 0 1 1 4 11.5" />);
export const ToolIcon = icon(<path d="M12.5 3.5a4 4 0 0 0-4 5.2L3.5 13.7a1.9 1.9 0 0 0 2.7 2.7l5-5a4 4 0 0 0 5-5.2l-2.4 2.4-2.2-.5-.5-2.2z" />);
export const ThoughtIcon = icon(<path d="M10 3v2M10 15v2M3 10h2M15 10h2M5.2 5.2l1.4 1.4M13.4 13.4l1.4 1.4M5.2 14.8l1.4-1.4M13.4 6.6l1.4-1.4" />);
export const WarningIcon = icon(<path d="M10 3.5L17.5 16.5h-15zM10 8.5v4M10 14.5h.01" />);
export const LabIcon = icon(<path d="M8 3h4M8.5 3v5L4 15.2A1.2 1.2 0 0 0 5 17h10a1.2 1.2 0 0 0 1-1.8L11.5 8V3M6.5 12.5h7" />);
export const CloseIcon = icon(<path d="M5 5l10 10M15 5L5 15" />);
export const CodeIcon = icon(<path d="M7 6l-4 4 4 4M13 6l4 4-4 4" />);
export const LinkIcon = icon(<path d="M8 12l4-4M9 6l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L13.5 10.5M11 14l-1.5 1.5A3.2 3.2 0 0 1 5 11l1.5-1.5" />);
export const EndIcon = icon(<path d="M4 10h8M12 5v10M16 5v10" />);
export const SilentIcon = icon(<path d="M3 10h3M9 10h2M14 10h3M5 6v8M15 6v8" />);
export const GarbageIcon = icon(<path d="M4 6l3 3-3 3M9 14l2-9 2 9M15 6v3M15 12.5h.01" />);
export const ServerIcon = icon(<path d="M4 4h12v5H4zM4 11h12v5H4zM7 6.5h.01M7 13.5h.01" />);
export const TabsIcon = icon(<path d="M3 7h10v9H3zM7 7V4h10v9h-4" />);
export const ReplayIcon = icon(<path d="M10 5L4 10l6 5zM16 5l-6 5 6 5z" />);
export const PulseIcon = icon(<path d="M2.5 10h4L8.5 5l3.5 10 2-5h3.5" />);
export const EditIcon = icon(<path d="M12.5 4.5l3 3L7 16l-3.8.8L4 13zM11 6l3 3" />);
export const TrashIcon = icon(<path d="M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.5M11.5 9v4.5" />);
export const AttachIcon = icon(<path d="M15.5 9.500l-5.7 5.700a3.4 3.4 0 0 1-4.8-4.800l6.2-6.200a2.3 2.3 0 0 1 3.2 3.200l-6.1 6.100a1.1 1.1 0 0 1-1.6-1.600l5.5-5.5" />);
export const ShieldIcon = icon(<path d="M10 3l6 2v4.500c0 3.7-2.5 6.3-6 7.5-3.5-1.2-6-3.8-6-7.500V5zM7.5 10l1.8 1.800L12.8 8" />);
export const ClockIcon = icon(
  <>
    <circle cx="10" cy="10" r="6.5" />
    <path d="M10 6.500V10l2.5 1.5" />
  </>,
);
export const BoltIcon = icon(<path d="M11 2.500L4.5 11.500H9l-1 6 6.5-9H10z" />);
export const FileIcon = icon(<path d="M5 3h6l4 4v10H5zM11 3v4h4" />);
