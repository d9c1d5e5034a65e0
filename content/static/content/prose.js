// Makes the visual editor keep everything that stored HTML may hold (docs/html.md), instead of dropping what it has no
// button for. Marks and attributes it does not know are carried along; whole elements it cannot edit, such as a list of
// terms or a table with a caption, stay as islands in the text, each with a dialog for its HTML.
import {
  Caption as BaseCaption,
  Code as BaseCode,
  Extension,
  Figure as BaseFigure,
  Mark,
  Node,
  OrderedList as BaseOrderedList,
  crel,
  updateAttrsDialog,
} from "django-prose-editor/editor"

const carried = (name, keep = (value) => value) => ({
  default: null,
  parseHTML: (element) => (element.hasAttribute(name) ? keep(element.getAttribute(name)) : null),
  renderHTML: (attributes) => (attributes[name] === null ? {} : { [name]: attributes[name] }),
})

const carriedAll = (names) => Object.fromEntries(names.map((name) => [name, carried(name)]))

const allowedClasses = (classes) => (value) =>
  value.split(/\s+/).filter((name) => classes.includes(name) || name.startsWith("language-")).join(" ") || null

export const Code = BaseCode.extend({ excludes: "" })

export const Figure = BaseFigure.extend({ addAttributes: () => ({}) })

export const Caption = BaseCaption.extend({ addAttributes: () => ({}) })

const NUMBERING = { a: "lower-alpha", A: "upper-alpha", i: "lower-roman", I: "upper-roman" }

export const OrderedList = BaseOrderedList.extend({
  addAttributes() {
    return {
      ...this.parent?.(),
      type: {
        default: "decimal",
        parseHTML: (element) => NUMBERING[element.getAttribute("type")] ?? "decimal",
        renderHTML: ({ type }) => {
          const letter = Object.keys(NUMBERING).find((one) => NUMBERING[one] === type)
          return letter ? { type: letter } : {}
        },
      },
    }
  },
  renderHTML({ HTMLAttributes: { start, ...attributes } }) {
    return ["ol", start && start !== 1 ? { start, ...attributes } : attributes, 0]
  },
})

const inlineMark = (tag) =>
  Mark.create({
    name: `carried_${tag}`,
    excludes: "",
    priority: 40,
    addAttributes: () => carriedAll(["title", "lang", "dir", "datetime", "cite"]),
    parseHTML: () => [{ tag: tag === "span" ? "span[class], span[lang], span[dir], span[title]" : tag, priority: 60 }],
    renderHTML: ({ HTMLAttributes }) => [tag, HTMLAttributes, 0],
  })

const MARKS = ["abbr", "cite", "del", "dfn", "ins", "kbd", "mark", "q", "samp", "small", "span", "time", "var"]

// A copy without anything that is not allowed: what was pasted must not come to life here either.
const copy = (node, elements) => {
  if (node.nodeType === window.Node.TEXT_NODE) return document.createTextNode(node.data)
  const allowed = elements[node.localName]
  if (node.nodeType !== window.Node.ELEMENT_NODE || !allowed) return document.createTextNode("")
  const made = document.createElement(node.localName)
  for (const { name, value } of node.attributes)
    if (allowed.includes(name) && !/^\s*(javascript|vbscript|data):/i.test(value)) made.setAttribute(name, value)
  made.append(...[...node.childNodes].map((child) => copy(child, elements)))
  return made
}

const build = (html, elements) => {
  const parsed = new DOMParser().parseFromString(html, "text/html").body
  return copy(parsed.firstElementChild ?? document.createElement("p"), elements)
}

const isSimpleFigure = (figure) =>
  figure.firstElementChild?.localName === "img" &&
  [...figure.children].slice(1).every((child) => child.localName === "figcaption")

const isIsland = (element) => {
  switch (element.localName) {
    case "table":
      return element.querySelector("caption, thead, tfoot, colgroup, table") !== null
    case "figure":
      return !isSimpleFigure(element)
    case "pre":
      return element.children.length !== 1 || element.firstElementChild.localName !== "code"
    case "p":
    case "a":
      return element.querySelector("img") !== null
    case "div":
      return element.hasAttribute("class")
    default:
      return true
  }
}

const ALWAYS = ["address", "aside", "details", "dl", "h1", "h5", "h6", "iframe", "section"]
const SOMETIMES = ["a", "div", "figure", "p", "pre", "table"]

const dialog = updateAttrsDialog(
  { html: { type: "string", title: "HTML", format: "textarea" } },
  { title: "Edit this part as HTML" },
)

const Island = Node.create({
  name: "island",
  group: "block",
  atom: true,
  draggable: true,
  addOptions: () => ({ elements: {} }),
  addAttributes: () => ({ html: { default: "<p></p>", rendered: false } }),
  parseHTML: () =>
    [...ALWAYS, ...SOMETIMES].map((tag) => ({
      tag,
      priority: 90,
      getAttrs: (element) => isIsland(element) && { html: element.outerHTML },
    })),
  renderHTML({ node }) {
    return build(node.attrs.html, this.options.elements)
  },
  addNodeView() {
    const { elements } = this.options
    return ({ node, editor, getPos }) => {
      const edit = crel("button", { type: "button", className: "desk-island-edit", textContent: "Edit HTML" })
      edit.addEventListener("click", async () => {
        const changed = await dialog(editor, { html: node.attrs.html })
        if (changed) editor.chain().setNodeSelection(getPos()).updateAttributes("island", changed).run()
      })
      const shown = build(node.attrs.html, elements)
      const dom = crel("div", { className: "desk-island", contentEditable: "false" }, [shown, edit])
      for (const video of dom.querySelectorAll("iframe")) video.replaceWith(`Video: ${video.src}`)
      return { dom }
    }
  },
})

const BLOCKS = ["paragraph", "heading", "blockquote", "bulletList", "orderedList", "listItem", "codeBlock", "figure"]
const MORE = ["caption", "table", "tableRow", "tableCell", "tableHeader", "horizontalRule", "image"]

// `<li><p>x</p></li>` says no more than `<li>x</li>`, which is what people write.
const tight = (html) => {
  const whole = document.createElement("template")
  whole.innerHTML = html
  for (const holder of whole.content.querySelectorAll("li, td, th")) {
    const [first, ...others] = holder.children
    if (first?.localName !== "p" || first.attributes.length || others.some((one) => one.localName === "p")) continue
    first.replaceWith(...first.childNodes)
  }
  for (const empty of whole.content.querySelectorAll("img:not([src])")) {
    const figure = empty.closest("figure") // what the editor makes when a figure is split in two
    empty.remove()
    if (figure && !figure.textContent.trim()) figure.remove()
  }
  const made = whole.innerHTML
  return made.startsWith("<iframe") ? `${made}\n` : made // by itself the editor would take it for nothing
}

export const Carried = Extension.create({
  name: "carried",
  addOptions: () => ({ elements: {}, classes: [] }),
  addExtensions() {
    return [...MARKS.map(inlineMark), Island.configure({ elements: this.options.elements })]
  },
  addGlobalAttributes() {
    const marks = MARKS.map((tag) => `carried_${tag}`)
    const styled = { class: carried("class", allowedClasses(this.options.classes)), ...carriedAll(["lang", "dir"]) }
    return [
      { types: [...BLOCKS, ...MORE], attributes: { ...styled, ...carriedAll(["title"]) } },
      { types: [...marks, "link"], attributes: { class: styled.class } },
      { types: ["link"], attributes: carriedAll(["hreflang", "lang", "dir"]) },
      { types: ["blockquote"], attributes: carriedAll(["cite"]) },
      { types: ["orderedList"], attributes: carriedAll(["reversed"]) },
      { types: ["listItem"], attributes: carriedAll(["value"]) },
      { types: ["tableHeader", "tableCell"], attributes: carriedAll(["scope", "abbr"]) },
      { types: ["image"], attributes: carriedAll(["loading", "decoding"]) },
    ]
  },
  onBeforeCreate() {
    const html = this.editor.getHTML.bind(this.editor)
    this.editor.getHTML = () => tight(html())
  },
})
