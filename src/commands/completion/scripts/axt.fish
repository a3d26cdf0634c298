# Completion of axt for fish. The words are completed by axt itself.

function __axt_complete
    set -l token (commandline --current-token --cut-at-cursor)
    # A quote may be open.
    set -l word (string unescape -- "$token"; or string unescape -- "$token\""; or string unescape -- "$token'")
    axt completion fish -- (commandline --current-process --tokenize --cut-at-cursor) "$word" 2>/dev/null
end

complete --command axt --no-files --keep-order --arguments '(__axt_complete)'
complete --command axt-ssh --no-files --keep-order --arguments '(__axt_complete)'
