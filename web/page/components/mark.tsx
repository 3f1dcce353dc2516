// The round mark of an author: initials on a hue of their own.

import { hueOf, initials } from "../parts/marks.ts";

export function Mark({ user, name }: { user: string; name: string }) {
  return (
    <span class="mark" style={{ "--hue": String(hueOf(user)) }} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
