" What a person does in Vim, without a person.
"
" vim -Nu VIMRC -es -S e2e.vim, with the scenario in $SCENARIO and the file for what was seen in
" $SEEN. VIMRC holds the lines of docs/editors/vim.md.

let s:seen = {}
let s:menu = ''
let s:answer = ''
let s:patience = 90

" The question that ALE asks in the command line.
runtime autoload/ale/util.vim
function! ale#util#Input(message, value, ...) abort
  let s:menu = a:message
  " Only once: a second menu is about a text that is no more.
  let l:answer = s:answer
  let s:answer = ''
  return l:answer
endfunction

function! s:Until(what, Condition) abort
  let l:end = reltime()
  while !a:Condition()
    if reltimefloat(reltime(l:end)) > s:patience
      throw 'waited in vain: ' . a:what
    endif
    sleep 50m
  endwhile
endfunction

" The names that the menu offers at the cursor, once there are some.
function! s:Menu() abort
  let s:answer = ''
  let l:end = reltime()
  while s:menu !~# 'Rename to'
    if reltimefloat(reltime(l:end)) > s:patience
      throw 'waited in vain: names in the menu'
    endif
    let s:menu = ''
    ALECodeAction
    " Without one there is no menu: the server was not up yet.
    let l:asked = reltime()
    while empty(s:menu) && reltimefloat(reltime(l:asked)) < 5
      sleep 50m
    endwhile
  endwhile
  let l:found = filter(split(s:menu, "\n"), 'v:val =~# "Rename to"')
  let s:menu = ''
  return l:found
endfunction

function! s:Choose(number) abort
  let s:answer = string(a:number)
  ALECodeAction
  call s:Until('the edit', {-> &modified})
endfunction

function! s:Texts() abort
  let l:texts = {}
  for l:name in ['orders.py', 'report.py', 'main.py']
    let l:texts[l:name] = join(readfile('shop/' . l:name), "\n") . "\n"
  endfor
  return l:texts
endfunction

function! s:SecondName() abort
  edit shop/orders.py
  call search('do_it')
  let s:seen.titles = s:Menu()
  call s:Choose(2)
  wall
  let s:seen.renamed = s:Texts()
  for l:name in ['orders.py', 'report.py', 'main.py']
    execute 'buffer shop/' . l:name
    normal! u
  endfor
  wall
  let s:seen.undone = s:Texts()
endfunction

function! s:Servers() abort
  let l:jobs = filter(job_info(), {_, job -> job_status(job) ==# 'run'})
  let l:jobs = filter(l:jobs, {_, job -> string(job_info(job).cmd) =~# 'stdio'})
  return map(l:jobs, {_, job -> job_info(job).process})
endfunction

function! s:KilledServer() abort
  edit shop/orders.py
  call search('do_it')
  call s:Menu()
  let s:seen.first = s:Servers()
  call system('kill -KILL ' . join(s:seen.first))
  call s:Until('the end of the first', {-> empty(s:Servers())})
  let s:seen.titles = s:Menu()
  let s:seen.second = s:Servers()
endfunction

try
  if $SCENARIO ==# 'second-name'
    call s:SecondName()
  else
    call s:KilledServer()
  endif
catch
  let s:seen = {'error': v:exception . ' in ' . v:throwpoint}
endtry
call writefile([json_encode(s:seen)], $SEEN)
qall!
