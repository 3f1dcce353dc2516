// One of a few, to choose from: words in a row, of which one is underlined.

interface ChoiceProps<T extends string> {
  label: string;
  all: readonly T[];
  chosen: T;
  nameOf: (one: T) => string;
  /** The language that its name is in, where it is another one than the page's. */
  langOf?: (one: T) => string;
  choose: (one: T) => void;
}

export function Choice<T extends string>(props: ChoiceProps<T>) {
  const { label, all, chosen, nameOf, langOf, choose } = props;
  return (
    <fieldset class="choice">
      <legend class="hidden">{label}</legend>
      {all.map((one) => (
        <label key={one} lang={langOf?.(one)}>
          <input type="radio" name={label} checked={chosen === one} onChange={() => choose(one)} />
          <span>{nameOf(one)}</span>
        </label>
      ))}
    </fieldset>
  );
}
