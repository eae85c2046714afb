"""The page's camera in a real Chromium, whose pictures are made up: live answers, and what happens without any."""

from web_visit import NEEDS, PROBLEM, READY, opened

pytestmark = NEEDS
PRESS = "document.getElementById('camera').click()"
LIVE = "import('./app.js').then(({shown}) => Boolean(shown.names) && !document.getElementById('video').hidden)"
IS_OFF = (
    "document.getElementById('video').srcObject === null && document.getElementById('camera').textContent === 'Camera'"
)
# Answers to the next frames: which name is explained, and whether it is the likeliest.
FRAMES = """import('./app.js').then(async ({ shown }) => {
  const seen = [];
  for (let last = shown.logits; seen.length < 4; last = shown.logits) {
    while (shown.logits === last) await new Promise(requestAnimationFrame);
    seen.push([shown.chosen, shown.names[0].index]);
  }
  return seen;
})"""


def test_the_camera_is_answered_live_and_its_last_picture_stays(browser, site):
    opened(browser, site[0])
    browser.ask("document.getElementById('camera').click()")
    browser.wait("document.getElementById('rate').textContent.endsWith('pictures/s')")
    assert browser.ask("!document.getElementById('video').hidden && !document.getElementById('heat').hidden")
    assert browser.ask("document.getElementById('spoken').textContent") == "", "a reader is not told each frame"
    before = browser.ask("document.body.dataset.answered")
    browser.ask("document.getElementById('camera').click()")
    browser.wait(f"document.body.dataset.answered != {before}")
    assert browser.ask("document.getElementById('video').srcObject") is None
    assert browser.ask("document.getElementById('picture').naturalWidth") > 0


def test_a_name_that_was_pressed_stays_from_frame_to_frame(browser, site):
    opened(browser, site[0])
    browser.ask(PRESS)
    browser.wait(LIVE)
    browser.ask("document.querySelectorAll('#names button')[1].click()")
    pressed = browser.ask("import('./app.js').then(({shown}) => shown.chosen)")
    seen = browser.ask(FRAMES)
    assert [chosen for chosen, _ in seen] == [pressed] * 4
    assert any(first != pressed for _, first in seen), "the likeliest would have been explained anyhow"
    browser.ask(PRESS)
    browser.wait(IS_OFF)


def test_a_camera_that_gives_no_picture_is_switched_off(browser, site):
    browser.open(site[0].url)
    browser.wait(READY)
    browser.ask("""{
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await ask(wanted));
      HTMLMediaElement.prototype.play = () => Promise.reject(new Error("it is dark"));
    }""")
    browser.ask(PRESS)
    browser.wait(PROBLEM)
    assert browser.ask(PROBLEM) == "The camera gives no picture: it is dark"
    assert browser.ask("window.stream.getTracks().map((track) => track.readyState)") == ["ended"]
    assert browser.ask(IS_OFF) and browser.ask("document.getElementById('camera').disabled") is False
    browser.open(site[0].url)  # without the changes above


def test_a_last_picture_that_cannot_be_kept_says_so(browser, site):
    browser.open(site[0].url)
    browser.wait(READY)
    browser.ask("HTMLCanvasElement.prototype.toBlob = (done) => done(null)")
    browser.ask(PRESS)
    browser.wait(LIVE)
    browser.ask(PRESS)
    browser.wait(PROBLEM)
    assert browser.ask(PROBLEM) == "The camera gave no picture"
    assert browser.ask(IS_OFF)
    browser.open(site[0].url)
