"use strict";

const form = document.getElementById("upload");
const key = document.getElementById("key");
const collection = document.getElementById("collection");
const input = document.getElementById("file");
const drop = document.getElementById("drop");
const chosen = document.getElementById("chosen");
const progress = document.getElementById("progress");
const result = document.getElementById("result");
const button = form.querySelector("button");
const named = new URLSearchParams(location.search).get("key_name");
let file = null;

if (named) {
  collection.value = named;
  collection.readOnly = true;
}

function choose(picked) {
  file = picked || null;
  chosen.textContent = file ? `${file.name}, ${Math.ceil(file.size / 1024)} KiB` : "Nothing chosen yet.";
}

function tell(lines, bad) {
  result.replaceChildren(...lines.map((line) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    paragraph.className = bad ? "bad" : "";
    return paragraph;
  }));
}

function refusal(body, status) {
  const error = (body && body.error) || { message: `the server answered ${status}` };
  const lines = [error.mend ? `${error.message} (${error.mend})` : error.message];
  for (const problem of error.problems || []) {
    lines.push(`${problem.place}: ${problem.message}`);
  }
  return lines;
}

async function ticket() {
  const wanted = { filename: file.name };
  if (collection.value.trim() && !named) {
    wanted.collectionName = collection.value.trim();
  }
  const answer = await fetch("api/v1/uploads/ticket", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key.value.trim()}` },
    body: JSON.stringify(wanted),
  });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) {
    throw refusal(body, answer.status);
  }
  return body.data.uploadToken;
}

function send(token) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "api/uploads/process-skill");
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      progress.value = event.lengthComputable ? event.loaded / event.total : 0;
    };
    request.onerror = () => reject(["The server could not be reached; nothing was charged."]);
    request.onload = () => {
      const good = request.status === 200 || request.status === 201;
      return good ? resolve(request.response) : reject(refusal(request.response, request.status));
    };
    const data = new FormData();
    data.append("file", file);
    request.send(data);
  });
}

input.addEventListener("change", () => choose(input.files[0]));
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  choose(event.dataTransfer.files[0]);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-disabled") === "true") {
    return;
  }
  if (!key.value.trim() || !file) {
    tell([key.value.trim() ? "Choose a zip first." : "Enter an API key first."], true);
    (key.value.trim() ? input : key).focus();
    return;
  }
  // Not "disabled": the focus would be lost with it.
  button.setAttribute("aria-disabled", "true");
  progress.hidden = false;
  progress.value = 0;
  tell(["Uploading…"], false);
  try {
    const done = await send(await ticket());
    const found = done.findings.length;
    tell([
      `${done.message}.`,
      `${done.creditCost} ${done.creditCost === 1 ? "credit" : "credits"} charged, ${done.balance} left.`,
      `Scan: grade ${done.securityGrade}, ${found} ${found === 1 ? "finding" : "findings"}.`,
      ...done.findings.map((item) => `${item.place}: ${item.message}`),
    ], false);
    input.value = "";
    choose(null);
  } catch (lines) {
    tell(Array.isArray(lines) ? lines : [`The upload failed: ${lines.message}`], true);
  } finally {
    button.removeAttribute("aria-disabled");
    progress.hidden = true;
  }
});
