// What is taken away: into the clipboard, or as a file.

import { html } from "explore/draw.js";

/** Copy, or save where the browser lets no page copy; gives what was done. */
export async function copied(text, name) {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    save(new Blob([text], { type: "text/plain" }), name);
    return "saved: this browser lets no page copy";
  }
}

/** Save as a file. */
export function save(blob, name) {
  const link = html("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
