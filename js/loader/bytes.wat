;; Reads packed bytes where they lie (bytes.ts, `unpack`): the meanings of characters from address 0 on, in pages of 128, and the
;; text from `from` to `end`. The bytes take the text's place, for there are never more of them. Answers where they end.
;; In JavaScript the same loop runs a page's first time in the interpreter, which took half of `init`.
(module
  (import "" "memory" (memory 1))
  (func (export "read") (param $from i32) (param $end i32) (param $escape i32) (result i32)
    (local $to i32) (local $page i32) (local $code i32)
    (local.set $to (local.get $from))
    (loop $next
      (local.set $code (i32.load8_u (local.get $from)))
      (if (i32.eq (local.get $code) (local.get $escape))
        (then (local.set $page (i32.add (local.get $page) (i32.const 128))))
        (else
          (i32.store8 (local.get $to) (i32.load8_u (i32.add (local.get $page) (local.get $code))))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (local.set $page (i32.const 0))))
      (br_if $next (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 1))) (local.get $end))))
    (local.get $to)))
