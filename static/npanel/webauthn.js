// Passkeys: forms with data-webauthn ask the browser for a credential before they are sent.
(() => {
  "use strict";
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const withBytes = (entries) => (entries || []).map((entry) => ({ ...entry, id: bytes(entry.id) }));

  const asked = (options) => {
    const key = { ...options.publicKey, challenge: bytes(options.publicKey.challenge) };
    if (key.user) {
      key.user = { ...key.user, id: bytes(key.user.id) };
    }
    for (const name of ["allowCredentials", "excludeCredentials"]) {
      if (key[name]) {
        key[name] = withBytes(key[name]);
      }
    }
    return { publicKey: key };
  };

  const answered = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) {
        response[name] = text(credential.response[name]);
      }
    }
    if (credential.response.getTransports) {
      response.transports = credential.response.getTransports();
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    };
  };

  const optionsOf = async (form) => {
    if (!form.dataset.options) {
      const data = JSON.parse(document.getElementById("webauthn-options").textContent);
      return data.creation_options || data.request_options;
    }
    const answer = await fetch(form.dataset.options, { headers: { Accept: "application/json" } });
    return (await answer.json()).request_options;
  };

  const prove = async (form) => {
    const options = asked(await optionsOf(form));
    const made = form.dataset.webauthn === "create";
    const credential = await (made ? navigator.credentials.create(options) : navigator.credentials.get(options));
    form.elements.credential.value = JSON.stringify(answered(credential));
  };

  for (const form of document.querySelectorAll("form[data-webauthn]")) {
    if (!window.PublicKeyCredential) {
      continue;
    }
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const error = form.querySelector("[data-webauthn-error]");
      error.hidden = true;
      prove(form).then(
        () => form.submit(),
        () => {
          error.hidden = false;
        },
      );
    });
  }
})();
