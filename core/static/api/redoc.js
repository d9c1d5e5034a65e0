// ReDoc's menu shows a logo from a third-party host, and no option turns it off: pictures come from here, or not at all.
const isOurs = (address) => address.startsWith("data:") || new URL(address, location.href).origin === location.origin;
const src = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
Object.defineProperty(HTMLImageElement.prototype, "src", {
  ...src,
  set(address) {
    if (isOurs(address)) src.set.call(this, address);
  },
});
HTMLImageElement.prototype.setAttribute = function (name, value) {
  if (name !== "src" || isOurs(value)) Element.prototype.setAttribute.call(this, name, value);
};

const sans = "system-ui, sans-serif";
const mono = "ui-monospace, monospace";
const place = document.getElementById("redoc");
Redoc.init(
  place.dataset.schema,
  {
    hideHostname: true,
    requiredPropsFirst: true,
    expandResponses: "200,201",
    theme: { typography: { fontFamily: sans, headings: { fontFamily: sans }, code: { fontFamily: mono } } },
  },
  place,
);
