// Asks the browser for a passkey and sends its answer with the form around the button. Options come with the page
// (data-options names the element that holds them) or from the server (data-from).
(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
  const descriptors = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const ask = {
    get: (options) =>
      navigator.credentials.get({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          allowCredentials: descriptors(options.allowCredentials),
        },
      }),
    create: (options) =>
      navigator.credentials.create({
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          user: { ...options.user, id: bytes(options.user.id) },
          excludeCredentials: descriptors(options.excludeCredentials),
        },
      }),
  };

  const plain = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
  };

  const fetched = async (form, address) => {
    const answer = await fetch(address, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    if (answer.status === 429) throw new Error(`Please wait ${answer.headers.get("Retry-After")} seconds, then try again.`);
    if (!answer.ok) throw new Error("The server does not answer as expected.");
    return answer.json();
  };

  const go = async (button) => {
    const form = button.form;
    let options = button.dataset.options && JSON.parse(document.getElementById(button.dataset.options).textContent);
    if (button.dataset.from) {
      const begun = await fetched(form, button.dataset.from);
      form.elements.challenge.value = begun.challenge;
      options = begun.options;
    }
    const credential = await ask[button.dataset.passkey](options);
    form.elements.credential.value = JSON.stringify(plain(credential));
    form.submit();
  };

  for (const button of document.querySelectorAll("[data-passkey]")) {
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      continue;
    }
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      const says = button.form.querySelector("[data-says]");
      says.textContent = "";
      try {
        await go(button);
      } catch (error) {
        // The browser says this when its user closed the dialogue, or there was no passkey to choose.
        says.textContent = error.name === "NotAllowedError" ? "No passkey was used." : error.message;
      }
    });
  }
})();
