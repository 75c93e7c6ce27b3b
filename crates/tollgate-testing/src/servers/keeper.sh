# Keeps one server for the program that holds our standard input. However that program ends, the input ends then, the
# server is stopped and its folder removed. Reads one command per line and says when it is done.
#
# keeper.sh FOLDER 'COMMAND THAT SUCCEEDS ONCE THE SERVER ANSWERS' SERVER ARGUMENT...
folder=$1
is_ready=$2
shift 2
server=

start() {
    attempts=600
    while [ $attempts -gt 0 ]; do
        # What a killed server left behind may keep the next one from starting for a moment.
        kill -0 $server 2>/dev/null || { "$@" >>"$folder/log" 2>&1 & server=$!; }
        sleep 0.05
        sh -c "$is_ready" >/dev/null 2>&1 && return
        attempts=$((attempts - 1))
    done
    echo failed
}

end() {
    kill -s "$1" $server $2 2>/dev/null
    wait $server 2>/dev/null
    server=
}

while read -r command; do
    case $command in
    start) start "$@" ;;
    stop) end INT ;;
    quit) end QUIT ;;
    kill) end KILL "$(pgrep -P "$server" 2>/dev/null)" ;;
    esac
    echo done
done
end INT
rm -rf "$folder"
