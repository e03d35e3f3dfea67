// Everything that is shown gets into the page here, and always as text: nothing in this program reads markup, and what a
// browser would show as nothing, or in another order, is shown for what it is, so that no two callers look like one.

/** As in the log: observe/escape.ts says what and why, and a test compares the two. */
const UNSEEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}])\ufe0f|(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}]\ufe0f?)\u200d|\u200d(?!\p{Extended_Pictographic})|(?![\ufe0f\u200d])\p{Default_Ignorable_Code_Point}/gu;

/** A text with each character in it that nobody would see as `\uXXXX`. */
export function visible(text) {
  return text.replace(UNSEEN, (character) => {
    let escaped = "";
    for (let at = 0; at < character.length; at++) {
      escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** An element with properties and children, which are elements or texts. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "label") element.dataset.label = value;
    else element[name] = value;
  }
  element.append(...children.map((child) => typeof child === "string" ? visible(child) : child));
  return element;
}

/** Sets a text if it is another: what a screen reader has read is not read again. */
export function setText(element, text) {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/**
 * Makes the children of `parent` those of `items`, in their order. Elements stay with their keys, so that what has the
 * focus keeps it.
 */
export function reconcile(parent, items, { key, create, update }) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let element = known.get(name);
    if (element === undefined) {
      element = create(item);
      element.dataset.key = name;
    }
    known.delete(name);
    update(element, item);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const element of known.values()) element.remove();
}

/** A line of numbers over time, oldest first, from zero to their greatest. */
export function drawLine(svg, numbers) {
  const width = 100;
  const height = 30;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const most = Math.max(...numbers, 1e-9);
  const step = numbers.length < 2 ? width : width / (numbers.length - 1);
  const points = numbers.map((number, at) =>
    `${(at * step).toFixed(2)} ${(height - 1 - number / most * (height - 3)).toFixed(2)}`
  );
  const line = points.length === 0 ? "" : `M${points.join("L")}`;
  const under = line === "" ? "" : `${line}L${((numbers.length - 1) * step).toFixed(2)} ${height}L0 ${height}Z`;
  const paths = svg.children.length === 2 ? [...svg.children] : [0, 1].map(() => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.append(path);
    return path;
  });
  paths[0].setAttribute("class", "under");
  paths[0].setAttribute("d", under);
  paths[1].setAttribute("d", line);
}
