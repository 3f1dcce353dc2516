// The languages that the page speaks, to choose from.

import { LANGUAGES, language, nameOf, speak, words } from "../i18n/index.ts";

export function Languages() {
  return (
    <fieldset class="languages">
      <legend class="hidden">{words.value.menu.language}</legend>
      {LANGUAGES.map((code) => (
        <label key={code} lang={code}>
          <input
            type="radio"
            name="language"
            checked={language.value === code}
            onChange={() => speak(code)}
          />
          <span>{nameOf(code)}</span>
        </label>
      ))}
    </fieldset>
  );
}
