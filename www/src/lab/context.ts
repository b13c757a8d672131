// Provides the page's lab to its components.
import { createContext, use } from "react";
import type { Lab } from "./lab";

export const LabContext = createContext<Lab | null>(null);

export function useLab(): Lab {
  const lab = use(LabContext);
  if (!lab) throw new Error("useLab needs a LabContext above it");
  return lab;
}
