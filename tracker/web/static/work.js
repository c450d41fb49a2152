// How far long work is, told in place every two seconds until it ends. Without it a link asks.
const look = async () => {
  const answer = await fetch(location.href);
  if (!answer.ok) return setTimeout(look, 2000);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-again]");
  if (!fresh) return location.reload();
  document.querySelector("[data-again]").replaceChildren(...fresh.childNodes);
  setTimeout(look, 2000);
};
setTimeout(look, 2000);
