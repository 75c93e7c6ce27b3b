# A server of ours that people use.
lorem-ipsum client add server --kind confidential --redirect-uri http://127.0.0.1:1/back
# A server of somebody else: people are asked before it gets anything of theirs.
lorem-ipsum client add recorder --name "Field Recorder" --kind confidential --third-party \
    --redirect-uri http://127.0.0.1:1/back
# A program without people: it acts in its own name, and may no more than this.
lorem-ipsum client add machine --kind machine --permission read:movies
