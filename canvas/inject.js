  // Runs in every HTML page of the canvas, with live and version given.
  const handler = "clawdbotCanvasA2UIAction";
  const queue = [];
  let socket = null;
  let pause = 250;

  function connect() {
    if (socket) return;
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    socket = new WebSocket(scheme + location.host + "/__clawdbot/ws?version=" + version);
    socket.onopen = () => {
      pause = 250;
      while (queue.length) socket.send(queue.shift());
    };
    socket.onmessage = (m) => {
      if (live && m.data === "reload") location.reload();
    };
    socket.onclose = () => {
      socket = null;
      if (!live && !queue.length) return;
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, 10000);
    };
  }

  function postMessage(value) {
    const raw = typeof value === "string" ? value : JSON.stringify(value);
    for (const native of [globalThis.webkit?.messageHandlers?.[handler], globalThis[handler]]) {
      if (typeof native?.postMessage === "function") {
        native.postMessage(raw);
        return true;
      }
    }
    if (queue.length >= 100) return false;
    if (socket?.readyState === 1) socket.send(raw);
    else {
      queue.push(raw);
      connect();
    }
    return true;
  }

  function sendUserAction(action) {
    const given = typeof action?.id === "string" && action.id.trim();
    const id = given || Date.now().toString(36) + "-" + Math.random().toString(36).slice(2, 12);
    return postMessage({ userAction: { ...action, id } });
  }

  globalThis.Clawdbot = Object.assign(globalThis.Clawdbot ?? {}, { postMessage, sendUserAction });
  globalThis.clawdbotPostMessage = postMessage;
  globalThis.clawdbotSendUserAction = sendUserAction;
  if (live) connect();
