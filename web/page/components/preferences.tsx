// How the page looks and speaks.

import { LANGUAGES, language, nameOf, speak, words } from "../i18n/index.ts";
import { SCHEMES, scheme, show } from "../scheme.ts";
import { Choice } from "./choice.tsx";

export function Preferences() {
  const { menu } = words.value;
  return (
    <div class="preferences">
      <Choice
        label={menu.language}
        all={LANGUAGES}
        chosen={language.value}
        nameOf={nameOf}
        langOf={(code) => code}
        choose={speak}
      />
      <Choice
        label={menu.scheme}
        all={SCHEMES}
        chosen={scheme.value}
        nameOf={(one) => menu.schemes[one]}
        choose={show}
      />
    </div>
  );
}
