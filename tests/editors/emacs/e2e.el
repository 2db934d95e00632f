;;; e2e.el --- What a person does in Emacs, without a person  -*- lexical-binding: t -*-

;; emacs --batch -l e2e.el -f e2e-main SCENARIO CONFIGURATION FOLDER
;;
;; CONFIGURATION is a file with the lines of docs/editors/emacs.md.  The scenario runs in a copy
;; of the project and tells what it saw as one line of JSON, which the tests judge.

;;; Code:

(require 'package)
(package-activate-all)
(require 'cl-lib)
(require 'json)

(defvar e2e-patience 90 "Seconds that anything may take: a busy machine is slow, not wrong.")
(defvar e2e-seen nil "What was seen: an association list, told at the end.")
(defvar e2e-questions nil "What Emacs asked, newest first.")
(defvar e2e-folder nil "The project.")

(defun e2e-main ()
  "Run the scenario that the command line names."
  (cl-destructuring-bind (scenario configuration folder) command-line-args-left
    (setq command-line-args-left nil
          e2e-folder (file-name-as-directory (expand-file-name folder))
          make-backup-files nil
          create-lockfiles nil
          ;; The whole conversation in stderr would drown what went wrong.
          inhibit-message t)
    (load configuration nil t t)
    (funcall (intern scenario))
    (princ (json-encode e2e-seen))
    (terpri)))

(defun e2e-tell (key value)
  "Note VALUE as what was seen of KEY."
  (push (cons key value) e2e-seen))

(defun e2e-until (what condition)
  "Wait for CONDITION and return its value; fail with WHAT when it does not come."
  (let ((end (+ (float-time) e2e-patience)) value)
    (while (not (setq value (funcall condition)))
      (when (> (float-time) end) (error "Waited in vain: %s" what))
      (accept-process-output nil 0.05))
    value))

(defun e2e-visit (name text)
  "Visit a file of the project with point at the first letter of TEXT."
  (find-file (expand-file-name name e2e-folder))
  (goto-char (point-min))
  (search-forward text)
  (goto-char (match-beginning 0)))

(defun e2e-answering (choose act)
  "Call ACT where every list is answered by CHOOSE, which gets its labels, every yes or no by yes."
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_prompt labels &rest _)
               (funcall choose (mapcar (lambda (one) (if (consp one) (car one) one)) labels))))
            ((symbol-function 'y-or-n-p)
             (lambda (question) (push question e2e-questions) t))
            ;; As if by a key: the mouse would bring a menu.
            (last-nonmenu-event ?x))
    (funcall act)))

(defun e2e-names (labels)
  "Those of LABELS that offer a name."
  (cl-remove-if-not (lambda (one) (string-prefix-p "Rename to" one)) labels))

(defun e2e-save ()
  "Write every buffer that was changed."
  (save-some-buffers t))

;;; Eglot

(defun e2e-connect ()
  "Start the server for this buffer; wait until it answers."
  (require 'eglot)
  (setq eglot-connect-timeout e2e-patience
        eglot-sync-connect t)
  (apply #'eglot (eglot--guess-contact))
  (e2e-server))

(defun e2e-server ()
  "The server of this buffer, once there is one."
  (e2e-until "a server" (lambda () (and (eglot-current-server)
                                        (jsonrpc-running-p (eglot-current-server))
                                        (eglot-current-server)))))

(defun e2e-titles ()
  "The names in the menu at point, once there are some."
  (e2e-until
   "names in the menu"
   (lambda ()
     (e2e-names (mapcar (lambda (one) (plist-get one :title))
                        (append (eglot-code-actions (point) (point)) nil))))))

(defun e2e-choose (which)
  "Choose from the menu at point; WHICH of its names counts from 0."
  (let ((title (nth which (e2e-titles))))
    (e2e-answering (lambda (labels)
                     (or (car (member title labels)) (error "%s is not in %s" title labels)))
                   (lambda () (call-interactively #'eglot-code-actions)))
    (string-match "`\\([^`]+\\)`" title)
    (match-string 1 title)))

(defun e2e-undo ()
  "Undo once, as the key does."
  (setq last-command nil)
  (undo-boundary)
  (undo))

(defun e2e-second-name ()
  "The second name of the menu renames in every file; one undo takes it back in each."
  (e2e-visit "shop/orders.py" "do_it")
  (e2e-connect)
  (e2e-tell 'titles (vconcat (e2e-titles)))
  (e2e-tell 'name (e2e-choose 1))
  (e2e-tell 'questions (vconcat (reverse e2e-questions)))
  (e2e-save)
  (e2e-tell 'renamed (e2e-texts))
  (dolist (name '("orders.py" "report.py" "main.py"))
    (with-current-buffer (find-file-noselect (expand-file-name name (concat e2e-folder "shop")))
      (e2e-undo)))
  (e2e-save)
  (e2e-tell 'undone (e2e-texts)))

(defun e2e-texts ()
  "The text of each file on disk."
  (mapcar (lambda (name)
            (cons (intern name)
                  (with-temp-buffer
                    (insert-file-contents (expand-file-name name (concat e2e-folder "shop")))
                    (buffer-string))))
          '("orders.py" "report.py" "main.py")))

(defun e2e-wide-line ()
  "A rename on a line of characters that take two units in UTF-16."
  (e2e-visit "shop/orders.py" "do_it")
  (e2e-connect)
  (e2e-tell 'encoding (plist-get (eglot--capabilities (eglot-current-server)) :positionEncoding))
  (e2e-tell 'name (e2e-choose 0))
  (e2e-save)
  (e2e-tell 'renamed (e2e-texts)))

(defun e2e-wide-line-utf-32 ()
  "The same as newer versions of Eglot agree on positions."
  (require 'eglot)
  (setq eglot-current-column-function (lambda () (- (point) (line-beginning-position)))
        eglot-move-to-column-function
        (lambda (column) (goto-char (min (+ (line-beginning-position) column)
                                         (line-end-position)))))
  (cl-defmethod eglot-client-capabilities :around (_server)
    (append (cl-call-next-method) '(:general (:positionEncodings ["utf-32" "utf-8" "utf-16"]))))
  (e2e-wide-line))

(defun e2e-unsaved-buffer ()
  "A use that is on no disk yet is renamed in its buffer."
  (e2e-visit "shop/main.py" "def main")
  (e2e-connect)
  (goto-char (point-max))
  (insert "\norders.do_it(Path('x'))\n")
  ;; What happens after half a second without keys.
  (eglot--signal-textDocument/didChange)
  (e2e-visit "shop/orders.py" "do_it")
  (e2e-server)
  (e2e-tell 'name (e2e-choose 0))
  (e2e-tell 'buffer (with-current-buffer "main.py" (buffer-string))))

(defun e2e-look-for-names ()
  "Where the model is slow, the menu offers to look; the names come as a list of their own."
  (e2e-visit "shop/orders.py" "calc")
  (e2e-connect)
  (let (lists)
    (e2e-answering
     (lambda (labels)
       (push (vconcat labels) lists)
       (if (cdr lists) (nth 1 labels) (car labels)))
     (lambda ()
       (call-interactively #'eglot-code-actions)
       (e2e-until "the list of names" (lambda () (cdr lists)))
       (e2e-until "the edit" #'buffer-modified-p)))
    (e2e-tell 'lists (vconcat (reverse lists))))
  (e2e-save)
  (e2e-tell 'renamed (e2e-texts)))

(defun e2e-cancel-while-waiting ()
  "Waiting for names is given up; no list comes, no text changes, and the next menu has names."
  (e2e-visit "shop/orders.py" "calc")
  (let* ((server (e2e-connect))
         (place `(:uri ,(eglot--path-to-uri (buffer-file-name))
                       :position ,(eglot--pos-to-lsp-position)))
         lists answer)
    (e2e-answering
     (lambda (labels) (push labels lists) (car labels))
     (lambda ()
       (let ((id (car (jsonrpc--async-request-1 ; the public one keeps the id to itself
                       server :workspace/executeCommand
                       `(:command "namewright.suggestNames" :arguments [,place])
                       :timeout e2e-patience
                       :success-fn (lambda (result) (setq answer (list 'result result)))
                       :error-fn (lambda (error) (setq answer error))))))
         (e2e-until "time to pass" (let ((start (float-time)))
                                     (lambda () (> (- (float-time) start) 1))))
         (e2e-tell 'answered-before-the-cancel (if answer t :json-false))
         ;; What newer versions of Eglot send when a person quits.
         (jsonrpc-notify server :$/cancelRequest `(:id ,id))
         (e2e-until "the end of the request" (lambda () answer)))))
  (e2e-tell 'code (plist-get answer :code))
  (e2e-tell 'lists (vconcat lists))
  (e2e-tell 'modified (if (buffer-modified-p) t :json-false))
  (e2e-tell 'titles (vconcat (e2e-titles)))))

(defun e2e-quit-while-waiting ()
  "A person who quits goes on asking; this Eglot tells the server nothing, so its list comes late."
  (e2e-visit "shop/orders.py" "calc")
  (e2e-connect)
  (e2e-tell 'quit
            (with-timeout (1 t)
              (e2e-answering #'car (lambda () (call-interactively #'eglot-code-actions)))
              :json-false))
  ;; A bare `quit' would leave this whole program.
  (e2e-answering (lambda (_labels) (jsonrpc-error "The person quits"))
                 (lambda () (e2e-tell 'titles (vconcat (e2e-titles)))))
  (e2e-tell 'modified (if (buffer-modified-p) t :json-false)))

(defun e2e-killed-server ()
  "The server is killed; Eglot starts another, which answers."
  (e2e-visit "shop/orders.py" "do_it")
  (let* ((server (e2e-connect))
         (first (jsonrpc--process server)))
    (e2e-titles)
    ;; Eglot does not bring back what died at once.
    (e2e-until "Eglot to trust the connection"
               (lambda () (not (eglot--inhibit-autoreconnect server))))
    (signal-process first 'KILL)
    (e2e-until "the end of the first" (lambda () (not (process-live-p first))))
    (e2e-tell 'first (process-id first))
    (let ((second (e2e-until "another server"
                             (lambda () (let ((now (eglot-current-server)))
                                          (and now (not (eq now server)) now))))))
      (e2e-tell 'second (process-id (jsonrpc--process second)))
      (e2e-tell 'titles (vconcat (e2e-titles))))))

(defun e2e-several-at-a-time ()
  "Three functions are asked about at once; each menu is of its own function."
  (e2e-visit "shop/orders.py" "do_it")
  (let ((server (e2e-connect)) (menus (make-hash-table :test #'equal)) (sent 0) (answered 0))
    ;; Until the model is loaded, a menu may only offer to look for names.
    (e2e-titles)
    (dolist (name '("do_it" "process" "calc" "do_it" "process" "calc"))
      (e2e-visit "shop/orders.py" (concat "def " name))
      (search-forward name)
      (cl-incf sent)
      (jsonrpc-async-request
       server :textDocument/codeAction
       `(:textDocument ,(eglot--TextDocumentIdentifier)
                       :range (:start ,(eglot--pos-to-lsp-position)
                                      :end ,(eglot--pos-to-lsp-position))
                       :context (:diagnostics [] :triggerKind 1))
       :timeout e2e-patience
       :error-fn (lambda (error) (error "Refused: %s" error))
       :success-fn (lambda (actions)
                     (cl-incf answered)
                     (push (vconcat (mapcar (lambda (one) (plist-get one :title)) actions))
                           (gethash name menus)))))
    (e2e-until "every answer" (lambda () (= sent answered)))
    (maphash (lambda (name both) (e2e-tell (intern name) (vconcat both))) menus)))

;;; lsp-mode, which runs several servers for a buffer

(defun e2e-lsp-mode ()
  "The second name of the menu, beside whatever other servers there are."
  (require 'lsp-mode)
  (setq lsp-auto-guess-root t
        lsp-session-file (expand-file-name "session" e2e-folder)
        lsp-restart 'ignore
        lsp-response-timeout e2e-patience
        lsp-enable-suggest-server-download nil)
  (e2e-visit "shop/orders.py" "do_it")
  (require 'python)
  (lsp)
  (e2e-until "the workspace"
             (lambda () (cl-some (lambda (one) (eq 'initialized (lsp--workspace-status one)))
                                 (lsp-workspaces))))
  (e2e-tell 'servers (vconcat (mapcar (lambda (one) (symbol-name (lsp--workspace-server-id one)))
                                      (lsp-workspaces))))
  (let ((actions (e2e-until
                  "names in the menu"
                  (lambda () (cl-remove-if-not
                              (lambda (one) (string-prefix-p "Rename to" (gethash "title" one)))
                              (append (lsp-code-actions-at-point) nil))))))
    (e2e-tell 'titles (vconcat (mapcar (lambda (one) (gethash "title" one)) actions)))
    (lsp-execute-code-action (nth 1 actions))
    (e2e-until "the edit" #'buffer-modified-p))
  (e2e-save)
  (e2e-tell 'renamed (e2e-texts)))

;;; e2e.el ends here
