// What makes the pages of operations better where JavaScript runs: they update by themselves, and what is simulated is
// drawn while the slider moves.
'use strict'

function simulator(box) {
  const slide = document.getElementById('slide')
  const write = document.getElementById('write')
  const base = box.dataset.simulate
  const schedule = box.dataset.schedule ? { schedule: box.dataset.schedule } : {}
  let ladder = null
  let waiting = null
  let asked = 0

  function show(step) {
    if (step.problem) {
      tell(step.problem)
      return
    }
    tell('')
    for (const cell of box.querySelectorAll('[data-figure]')) cell.textContent = step[cell.dataset.figure]
    document.getElementById('tried').hidden = false
    document.getElementById('ticks').setAttribute('d', step.ticks)
    document.getElementById('known')?.setAttribute('d', step.known)
    document.getElementById('toml').textContent = step.toml
    document.getElementById('pasted').textContent = 'tried'
    const place = document.getElementById('place')
    if (place && step.place) place.setAttribute('transform', `translate(${step.place[0]} ${step.place[1]})`)
    place?.setAttribute('visibility', step.place ? 'visible' : 'hidden')
    const rows = document.getElementById('rows')
    const [first, second] = [...rows.rows[0].cells].map(cell => cell.dataset.title)
    rows.replaceChildren(...step.rows.map(([look, settled]) => {
      const row = document.createElement('tr')
      for (const [title, text] of [[first, look], [second, settled]]) {
        const cell = row.insertCell()
        cell.dataset.title = title
        cell.textContent = text
      }
      row.lastChild.className = 'figure'
      return row
    }))
  }

  // Only the newest question matters; an answer to an older one comes too late.
  function ask(wish, pause) {
    clearTimeout(waiting)
    const number = ++asked
    const query = new URLSearchParams({ ...schedule, ...wish })
    history.replaceState(null, '', `?${query}`)
    waiting = setTimeout(async () => {
      try {
        const answer = await fetch(`${base}/simulate.json?${query}`)
        if (answer.redirected || !(answer.ok || answer.status === 422)) throw new Error(answer.statusText)
        const step = await answer.json()
        if (number === asked) shown(wish, step)
      } catch {
        if (number === asked) tell('This could not be simulated. Is the connection there?')
      }
    }, pause)
  }

  function shown(wish, step) {
    show(step)
    if (!step.problem && wish.looks_per_message) {
      document.getElementById('looks').value = step.looks
      document.getElementById('then').value = ''
    }
  }

  async function load() {
    if (ladder) return
    ladder = {}
    try {
      const answer = await fetch(`${base}/ladder.json?${new URLSearchParams(schedule)}`)
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText)
      ladder = await answer.json()
    } catch {
      // Then each place is asked for by itself.
    }
  }

  if (slide) {
    const slider = document.getElementById('looks_per_message')
    for (const event of ['pointerenter', 'focusin', 'touchstart']) {
      slide.addEventListener(event, load, { passive: true })
    }
    slide.querySelector('[data-spare-here]').hidden = true
    slider.addEventListener('input', () => {
      document.getElementById('cost').textContent = slider.value
      const wish = { looks_per_message: slider.value }
      if (ladder?.[slider.value]) {
        clearTimeout(waiting)
        asked++
        history.replaceState(null, '', `?${new URLSearchParams({ ...schedule, ...wish })}`)
        shown(wish, ladder[slider.value])
      } else {
        ask(wish, 120)
      }
    })
  }
  write.addEventListener('input', () => ask({ looks: write.elements.looks.value, then: write.elements.then.value }, 300))
}

document.addEventListener('DOMContentLoaded', () => {
  const every = document.querySelector('[data-every]')
  if (every) {
    setInterval(() => {
      if (!document.hidden) refresh(true)
    }, every.dataset.every * 1000)
  }
  const box = document.querySelector('[data-simulate]')
  if (box) simulator(box)
})
